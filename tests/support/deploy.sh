# For the deployment tests: a container engine, the system in containers, and functions that wait for events.
. tests/support/flow.sh
export COMPOSE_PROJECT_NAME=rg-test-$$ RG_CONFIG=configs/smoke.yaml
engine= # the pid of an engine that the test started

skip() { echo "SKIP: $*"; exit 77; }

compose()
{
    if command -v docker-compose >/dev/null; then
        docker-compose -f deploy/docker-compose.yml "$@"
    else
        docker compose -f deploy/docker-compose.yml "$@"
    fi
}

# start_engine: starts the engine with the command RG_DOCKERD, if it is set, and stops it at the end of the test.
start_engine()
{
    [ -n "${RG_DOCKERD:-}" ] || skip "no container engine answers (RG_DOCKERD=dockerd starts one for the test)"
    $RG_DOCKERD >>"$work/dockerd.log" 2>&1 &
    engine=$!
    until docker info >/dev/null 2>&1; do
        kill -0 $engine 2>/dev/null || { engine=; fail "$RG_DOCKERD does not start"; }
    done
}

stop_engine()
{
    kill "$engine"
    wait "$engine"
}

need_engine()
{
    command -v docker >/dev/null || skip "docker is not installed"
    compose version >/dev/null 2>&1 || skip "docker-compose is not installed"
    docker info >/dev/null 2>&1 || start_engine
    docker image inspect debian:bookworm-slim >/dev/null 2>&1 || docker pull -q debian:bookworm-slim >/dev/null 2>&1 ||
        skip "debian:bookworm-slim is not here, and no registry can be reached"
}

# build_image OPTION...: builds deploy/Dockerfile.
build_image()
{
    docker build --network host "$@" -f deploy/Dockerfile . >"$work/out" 2>"$work/err" || fail "the image is not built"
}

take_down()
{
    local code=$?
    [ $code -eq 0 ] || [ $code -eq 77 ] || compose logs --tail 20 >&2
    compose --profile demo --profile tools down --volumes --remove-orphans >/dev/null 2>&1
    [ -z "$engine" ] || stop_engine
    (exit $code)
    cleanup
}
trap take_down EXIT

container()
{
    local label=com.docker.compose
    docker ps -aq --filter "label=$label.project=$COMPOSE_PROJECT_NAME" --filter "label=$label.service=$1"
}
of() { docker inspect -f "$2" "$(container "$1")"; }

# await SERVICE EVENT SINCE: waits until the engine has reported the event.
await()
{
    local event events watcher
    exec {events}< <(exec docker events --since "$3" --filter "container=$(container "$1")" --filter "event=$2")
    watcher=$!
    read -r event <&$events
    exec {events}<&-
    kill $watcher
}

# until_seen SERVICE REGEX: waits until a line of its status matches.
until_seen() { grep -qE "$2" < <("$RG_BIN/rg-ctl" status --watch --json "$1" 2>/dev/null); }

# The assertions of lib.sh run rg-ctl in one container that stays, which saves the start of a container per call.
start_ctl()
{
    ctl=$(compose run -d --entrypoint sleep ctl infinity)
    mkdir -p "$work/bin"
    printf '#!/bin/sh\nexec docker exec -i %s rg-ctl "$@"\n' "$ctl" >"$work/bin/rg-ctl"
    chmod +x "$work/bin/rg-ctl"
    RG_BIN=$work/bin
}
