# The Debian packages install in a bare Debian, the services run as their own user, Python finds them, installing rg-unit again keeps a
# changed configuration, removing it keeps what they stored, and purging it leaves nothing.
. tests/support/deploy.sh
need_engine

build_image --target build -t rg-unit-build
for package in rg-unit python3-rg-unit; do
    docker run --rm rg-unit-build sh -c "cat build/${package}_*.deb" >"$work/$package.deb"
done

if command -v lintian >/dev/null; then
    lintian --fail-on error,warning "$work/rg-unit.deb" "$work/python3-rg-unit.deb" >"$work/out" 2>"$work/err" || fail "lintian finds faults in the packages"
fi

docker run --rm -i --network host -v "$work:/package:ro" debian:bookworm-slim sh -eu >"$work/out" 2>"$work/err" <<'END' ||
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends /package/rg-unit.deb /package/python3-rg-unit.deb
cat >>/etc/rg-unit/config.yaml <<'YAML'
model: {gf: 4, n_res: 1, df: 4, d_layers: 3, mlp: 16, embed_dim: 16}
retrieval: {map_size_gib: 1}
YAML
ctl() { setpriv --reuid rg-unit --regid rg-unit --clear-groups env RG_CONFIG=/etc/rg-unit/config.yaml rg-ctl "$@"; }
ctl make-faces /var/lib/rg-unit/data --count 40
ctl up
ctl status
setpriv --reuid rg-unit --regid rg-unit --clear-groups python3 -c '
import rg_unit
with rg_unit.Client("/etc/rg-unit/config.yaml") as client:
    print("python:", client.status().state, client.status("loader").service)'
ctl down
apt-get install -y -q --reinstall /package/rg-unit.deb
grep -q embed_dim /etc/rg-unit/config.yaml
apt-get purge -y -q python3-rg-unit
[ -z "$(ls /usr/lib/python3/dist-packages | grep rg_unit)" ]
apt-get remove -y -q rg-unit
[ -d /var/lib/rg-unit/run/store ]
[ -z "$(ls /usr/bin/rg-* /usr/lib/systemd/system/rg-* 2>/dev/null)" ]
apt-get purge -y -q rg-unit
[ ! -e /var/lib/rg-unit ] && [ ! -e /etc/rg-unit ]
END
    fail "the package does not work"
out_has '^evaluator +idle '
out_has '^python: ready loader$'
