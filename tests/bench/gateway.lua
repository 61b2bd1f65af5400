-- The requests of an open page, tab Training: all paths every two seconds; of the journals only what is new.
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

-- A response does not name its request. Only journals have `next`, and only the journal of training grows here.
function response(status, headers, body)
  local last = body:match('"next":(%d+)')
  if last and tonumber(last) > from[4] then from[4] = tonumber(last) end
end
