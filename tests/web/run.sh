# The gateway's page in a browser, with a system of its own: every tab, hostile files, services that die, keyboard, phones.
# RG_SHOTS names a folder for screenshots; without it they are deleted.
. tests/support/flow.sh

skip() { echo "SKIP: $*"; exit 77; }
need gateway
command -v node >/dev/null || skip "node is not installed"
export RG_CHROMIUM=${RG_CHROMIUM:-/usr/bin/chromium}
[ -x "$RG_CHROMIUM" ] || skip "$RG_CHROMIUM is not installed"
if [ ! -e tests/web/node_modules/.package-lock.json ]; then
    command -v npm >/dev/null || skip "npm is not installed"
    (cd tests/web && npm ci) >"$work/out" 2>"$work/err" || skip "package.json's packages cannot be installed: $(tail -1 "$work/err")"
fi

# Training that is long enough to watch and short enough for a test.
write_flow_config
sed -i -e 's/^classifier: .*/classifier: {iterations: 20, batch: 8, checkpoint_every: 20, sample_every: 0}/' \
    -e 's/^stage1: .*/stage1: {iterations: 2000, batch: 4, lr: 1e-3, checkpoint_every: 1000, sample_every: 500}/' \
    -e 's/^stage2: .*/stage2: {iterations: 20, batch: 4, checkpoint_every: 20, sample_every: 0}/' \
    -e 's/^stage3: .*/stage3: {iterations: 60, batch: 4, lr: 1e-4, checkpoint_every: 30, sample_every: 20}/' "$work/config.yaml"
port=$first_port
until port_is_closed $port; do port=$((port + 1)); done
cat >>"$work/config.yaml" <<END
http: {gateway: $port}
limits: {image_max_mib: 1}
END

run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 make-faces "$work/extra" --count 24 --seed 2 --plain
run 0 up
export RG_WORK=$work RG_PORT=$port RG_SHOTS=${RG_SHOTS:-$work/shots}
mkdir -p "$RG_SHOTS"
node tests/web/main.mjs || fail "the page"
