# The system as docker-compose.yml runs it: the demo trains encrypted from nothing, while images are added, every container is
# killed in turn, one loses its network, and the engine restarts, if the test may. In the end nothing is missing.
. tests/support/deploy.sh
need_engine
export RG_PAGE=127.0.0.1: # a free port

compose build >"$work/out" 2>"$work/err" || fail "the image is not built"
echo "image: $(($(docker image inspect -f '{{.Size}}' rg-unit) / 1000000)) MB, of which debian:bookworm-slim" \
    "$(($(docker image inspect -f '{{.Size}}' debian:bookworm-slim) / 1000000)) MB"
[ "$(docker run --rm --entrypoint id rg-unit -u)" -ne 0 ] || fail "the image runs as root"
docker run --rm --read-only rg-unit rg-ctl --help >/dev/null || fail "the image does not run on a read-only file system"

compose --profile demo up -d >"$work/out" 2>"$work/err" || fail "the system does not come up"
start_ctl
run 0 status
for service in $all_services; do
    out_has "^$service +"
    until [ "$(of $service '{{.State.Health.Status}}')" = healthy ]; do :; done
done
until_seen trainer '"stage":"stage3".*"iteration":"[1-9]'
images=$(field loader train)

# The page is for who has its token.
page=http://$(compose port gateway 8080 2>/dev/null)
token=$(docker exec "$(container gateway)" cat /gateway/token)
curl -sf "$page/" | grep -q '<title>' || fail "there is no page"
[ "$(curl -s -o /dev/null -w '%{http_code}' "$page/api/v1/status")" = 401 ] || fail "the page asks for no token"
curl -sf -H "Authorization: Bearer $token" "$page/api/v1/status" >"$work/out" 2>"$work/err" || fail "the token is refused"
for service in $all_services; do out_has "\"service\":\"$service\",\"answers\":true"; done

# Its process is killed, so that the restart policy acts.
kill_service()
{
    local since starts
    since=$(date +%s) starts=$(of "$1" '{{.RestartCount}}')
    docker exec "$(container "$1")" sh -c "kill -9 $(field "$1" pid)"
    await "$1" start "$since"
    [ "$(of "$1" '{{.RestartCount}}')" -eq $((starts + 1)) ] || fail "the $1 was not restarted"
    until_seen "$1" '"answers":true'
}

# Without the encoder images are on their way until it is back, whatever is killed meanwhile.
network=${COMPOSE_PROJECT_NAME}_default
docker network disconnect "$network" "$(container encoder)"
run 1 status encoder
compose run --rm ctl add-images --json /images >"$work/added" 2>"$work/added.err" &
adding=$!
until_seen loader '"waiting":"[1-9]'
for service in loader retrieval trainer evaluator; do kill_service $service; done
until_seen loader '"waiting":"[1-9]'
docker network connect --alias encoder "$network" "$(container encoder)"
until_seen encoder '"answers":true'
kill_service encoder
wait $adding || fail "not all images were added: $(tail -n 1 "$work/added.err")"

if [ -n "$engine" ]; then
    stop_engine
    start_engine
    docker start "$ctl" >/dev/null
    for service in $all_services; do until_seen $service '"answers":true'; done
    echo "the engine was restarted"
else
    echo "the engine is not the test's: it was not restarted"
fi

[ "$(docker wait "$(container demo)")" -eq 0 ] || fail "the demo failed: $(docker logs --tail 1 "$(container demo)" 2>&1)"
run 0 train --stage 3 --json
out_has '"stage":"stage3","checkpoint"'
images=$((images + 200))
[ "$(field retrieval images)" -eq $images ] || fail "the set holds $(field retrieval images) of $images images"
run 0 index verify
out_has '^ *problems +0$'

# Whoever has no key, or another system's, gets no answer.
run 1 query --image /images/000001.jpg -k 3 --set security.keys= --set endpoints.insecure=true --set limits.timeout_ms=2000
err_has "refused peer="
run 0 keys init --set security.keys=/tmp/others
run 1 query --image /images/000001.jpg -k 3 --set security.keys=/tmp/others --set limits.timeout_ms=2000
err_has "refused peer="

# All of it again, from what is in the volumes.
compose down >/dev/null 2>&1
SECONDS=0
compose up -d >"$work/out" 2>"$work/err" || fail "the system does not come up again"
compose run --rm ctl query --json --image /images/000001.jpg --attr Male=1 -k 3 >"$work/out" 2>"$work/err" ||
    fail "the query is not answered"
echo "from up to the answer of a query: $SECONDS s"

# Several encoders and loaders share the work of one client; one of them is killed on the way.
compose up -d --scale encoder=3 --scale loader=2 >"$work/out" 2>"$work/err" || fail "there are no more of them"
start_ctl
run 0 make-faces /tmp/more --count 300 --seed 3 --plain
own() { docker exec "$1" rg-ctl status --json encoder --set endpoints.encoder=tcp://127.0.0.1:9100 | sed -nE "s/.*\"$2\":\"?([^\",}]*).*/\1/p"; }
add() { docker exec "$ctl" rg-ctl add-images /tmp/more >"$work/added" 2>&1; }
add &
adding=$!
killed=$(container encoder | head -n 1)
until [ "$(own "$killed" embedded)" -gt 0 ]; do kill -0 $adding || fail "one encoder was asked for nothing"; done
docker exec "$killed" sh -c "kill -9 $(own "$killed" pid)"
wait $adding || fail "not all images were added: $(tail -n 1 "$work/added")"
images=$((images + 300))
[ "$(field retrieval images)" -eq $images ] || fail "the set holds $(field retrieval images) of $images images"
for encoder in $(container encoder | tail -n +2); do
    [ "$(own "$encoder" embedded)" -gt 0 ] || fail "one encoder was asked for nothing"
done
run 0 query --image /images/000001.jpg --attr Male=1 -k 3
