-- 50 pages that are open on Training: every two seconds each of them asks for all of this, for journals only from where it left off.
local period_ms = 2000
local paths = {"/status", "/runs", "/samples", "/training?from=", "/evaluations?from="}
local from = {[4] = 0, [5] = 0}
local asked = 0

function delay()
  return period_ms / #paths
end

function request()
  asked = asked % #paths + 1
  local path = "/api/v1" .. paths[asked] .. (from[asked] or "")
  return wrk.format("GET", path)
end

-- Answers do not say what they answer; only the metrics' journal grows here, and only journals have lines.
function response(status, headers, body)
  local last = body:match('"next":(%d+)')
  if last and tonumber(last) > from[4] then from[4] = tonumber(last) end
end
