# For the deployment tests: an engine that runs containers, the system in them, and waiting for what the engine reports.
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

# start_engine: RG_DOCKERD is the command, for who wants one that the test starts, restarts and stops.
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

# build_image OPTION...: of deploy/Dockerfile.
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

# await SERVICE EVENT SINCE: until the engine has reported it.
await()
{
    local event events watcher
    exec {events}< <(exec docker events --since "$3" --filter "container=$(container "$1")" --filter "event=$2")
    watcher=$!
    read -r event <&$events
    exec {events}<&-
    kill $watcher
}

# until_seen SERVICE REGEX: until a line of its status has it.
until_seen() { grep -qE "$2" < <("$RG_BIN/rg-ctl" status --watch --json "$1" 2>/dev/null); }

# rg-ctl in a container that stays, so that a question costs no start of one; what the assertions of lib.sh run.
start_ctl()
{
    ctl=$(compose run -d --entrypoint sleep ctl infinity)
    mkdir -p "$work/bin"
    printf '#!/bin/sh\nexec docker exec -i %s rg-ctl "$@"\n' "$ctl" >"$work/bin/rg-ctl"
    chmod +x "$work/bin/rg-ctl"
    RG_BIN=$work/bin
}
