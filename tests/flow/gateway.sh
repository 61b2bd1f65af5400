# The gateway on a running system: every endpoint, refused requests, services that do not answer, and the token.
. tests/support/flow.sh
need gateway
command -v curl >/dev/null || { echo "SKIP: no curl"; exit 77; }
write_flow_config
prepare_stage3
run 0 train --stage 3
run 0 evaluate --stage 3

# The system works without a gateway if http.gateway is 0.
run 2 up --only gateway --set run="$work/other"
err_has "the gateway is off: set http.gateway"
run 0 status
grep -q gateway "$work/out" && fail "a gateway is listed where there is none"
"$RG_BIN/rg-gateway" --config "$RG_CONFIG" 2>"$work/err" && fail "a gateway without a port started"
err_has "http.gateway is 0"
run 0 down

# up_on_a_port OPTION...: starts the system with a free port for the gateway.
port=$first_port
up_on_a_port()
{
    while :; do
        "$RG_BIN/rg-ctl" up --set http.gateway=$port "$@" >"$work/out" 2>"$work/err" && return
        grep -q "Address already in use" "$work/err" || fail "it does not start"
        port=$((port + 1))
    done
}
timeout_ms=6000
up_on_a_port --set limits.timeout_ms=$timeout_ms
out_has "^gateway +ready"
out_has "http://127.0.0.1:$port/"
run 0 status --set http.gateway=$port
out_has "^gateway +ready .* http://127.0.0.1:$port/"
run 0 stats --set http.gateway=$port gateway
here=http://127.0.0.1:$port api=http://127.0.0.1:$port/api/v1

# get STATUS CURL-ARGUMENTS...: expects this status; the body goes to the file out, the headers to the file head.
get()
{
    local want=$1 status
    shift
    status=$(curl -s -m 60 -o "$work/out" -D "$work/head" -w '%{http_code}' "$@" 2>"$work/err")
    [ "$status" = "$want" ] || fail "curl $*: $status, expected $want"
}
head_has() { grep -qi -e "$1" "$work/head" || fail "the head lacks '$1': $(cat "$work/head")"; }
says() { out_has "^\{\"error\":\{\"code\":\"$1\",\"sentence\":\"$2"; }
value() { sed -nE "s/.*\"$1\":\"?([^\",}]*).*/\1/p" "$work/out"; }
# many COUNT TEXT: expects the text this often in the file out.
many() { [ "$(grep -o "$2" "$work/out" | wc -l)" -eq "$1" ] || fail "not $1 times $2"; }

# ---- the page
get 200 $here/
head_has "^content-type: text/html"
head_has "^content-security-policy: default-src 'none'; script-src 'self'"
head_has "^x-content-type-options: nosniff"
head_has "^cache-control: no-cache"
tag=$(sed -nE 's/^ETag: (.*)\r$/\1/p' "$work/head")
get 304 -H "If-None-Match: $tag" $here/
grep -E '(src|href)="/' "$work/out" && fail "the page is dead below a path of a proxy"
get 200 $here/chart.js
get 200 -I $here/
get 200 $api/openapi.yaml
cmp -s "$work/out" services/gateway/openapi.yaml || fail "the description is another one"
get 200 $here/metrics
get 200 $here/healthz
get 404 $here/nothing
says not_found "there is nothing at this path"
get 405 -X DELETE $api/images
says method "only GET, POST is answered"
head_has "^allow: GET, POST"

# ---- system, status, runs
get 200 $api/system
out_has '"run":"run","img_size":32,"k":2,"attributes":\["Black_Hair",'
get 200 $api/status
head_has "^cache-control: no-store"
many 6 '"answers":true'
out_has '"service":"retrieval","answers":true,"version":"[0-9.]+","pid":[0-9]+.*"requests":\{.*"values":\{.*"metrics_port":null'
get 200 $api/runs
out_has '^\{"runs":\[\{"name":"run","served":true,"modified_ms":[0-9]+\}\]\}$'
get 200 $api/training
out_has '"restarted":false,"lines":\[\{"stage":"classifier","iteration":6,'
next=$(value next)
get 200 "$api/training?from=$next&run=run"
out_has "^\{\"next\":$next,\"more\":false,\"restarted\":false,\"lines\":\[\]\}"
get 200 "$api/training?from=999999999"
out_has '"restarted":true'
get 200 $api/evaluations
out_has '"lines":\[\{"stage":"stage3",'
get 200 $api/samples
out_has '"name":"eval-stage3.png","stage":"stage3","iteration":null'
get 200 $api/samples/eval-stage3.png
head_has "^content-type: image/png"
tag=$(sed -nE 's/^ETag: (.*)\r$/\1/p' "$work/head")
get 304 -H "If-None-Match: $tag" $api/samples/eval-stage3.png
for name in ..%2f..%2fconfig.yaml ../config.yaml %2e%2e/config.yaml .png %2fetc%2fpasswd nothing.png; do
    get 404 --path-as-is "$api/samples/$name"
done
for name in .. ../run %2fetc run%2f..%2frun run/ %00; do get 404 "$api/training?run=$name"; done
get 400 "$api/training?from=-1"
says invalid "from: expected a whole number"

# ---- networks: the files are those that rg-ctl writes
get 200 $api/networks
out_has '^\{"stage":"stage3","iteration":8,"files":\["content.onnx","attribute.onnx","embedder.onnx","generator.onnx"\]\}$'
"$RG_BIN/rg-ctl" export --model onnx --out "$work/networks" >"$work/out" 2>"$work/err" || fail "export"
for network in generator content generator; do
    get 200 $api/networks/$network.onnx
    head_has "^content-disposition: attachment; filename=\"$network.onnx\""
    cmp "$work/out" "$work/networks/$network.onnx" || fail "$network.onnx is another one"
done
tag=$(sed -nE 's/^ETag: (.*)\r$/\1/p' "$work/head")
get 304 -H "If-None-Match: $tag" $api/networks/embedder.onnx
for name in ..%2f..%2fconfig.yaml generator generator.onnx%2f discriminator.onnx; do
    get 404 --path-as-is "$api/networks/$name"
    says not_found "there is no such network"
done

# ---- search and translate
face=$work/extra/000001.jpg
get 200 "$api/search?attributes=Male=1,Young=0&k=3" --data-binary @"$face"
many 3 '"rank"'
get 200 "$api/search?annotation=unannotated" --data-binary @"$face"
many 0 '"rank"'
get 200 "$api/images?limit=2"
many 2 '"annotated":true'
[ "$(value next)" -gt 0 ] || fail "there is no next page"
id=$(grep -oE '[0-9a-f]{32}' "$work/out" | head -n 1)
get 200 $api/images/$id
head_has "^content-type: image/jpeg"
head_has "^cache-control: private, max-age=31536000, immutable"
get 404 $api/images/00112233445566778899aabbccddeeff
get 400 $api/images/../x --path-as-is
get 200 -X POST "$api/search?image=$id&k=5"
many 5 '"rank"'
grep -q "$id" "$work/out" && fail "the image found itself"
get 200 "$api/translate?attributes=Blond_Hair=1&samples=3" --data-binary @"$face"
many 4 '"iVBORw0KGgo'
out_has '"stage":"stage3"'
many 6 '"rank"'
get 200 -X POST "$api/translate?guidance=none&image=$id"
many 0 '"rank"'
out_has '"generation":0'
get 400 -X POST $api/search
says invalid "an image is missing"
for wrong in k=0 k=101 k=x annotation=some attributes=Nose=1 attributes=Male=2 image=1 samples=17 guidance=random seed=-1; do
    case $wrong in samples=* | guidance=* | seed=*) where=translate ;; *) where=search ;; esac
    get 400 "$api/$where?$wrong" --data-binary @"$face"
    says invalid ""
done
get 404 -X POST "$api/search?image=00112233445566778899aabbccddeeff"
for time in 2026-02-31 yesterday 2026-11-25T25:00; do
    get 400 "$api/search?added_after=$time" --data-binary @"$face"
    says invalid "added_after: expected a time since 1970"
done
get 200 "$api/search?added_after=2026-01-01T00:00:00%2B02:00&added_before=2099-01-01T00:00:00Z&k=3" --data-binary @"$face"
many 3 '"rank"'
grep -q '"message"' "$work/out" && fail "three of three images, and still a message"
get 200 "$api/search?added_before=2001-01-01&k=3" --data-binary @"$face"
out_has '"neighbours":\[\],"message":"0 of 3 images found: no more images meet the conditions"'

# ---- adding
get 200 "$api/images?name=new.jpg" --data-binary @"$face"
out_has '"name":"new.jpg","id":"[0-9a-f]{32}","fate":"added","generation":[0-9]+'
get 200 "$api/images?name=again.jpg" --data-binary @"$face"
out_has '"fate":"duplicate"'
[ "$(field retrieval images)" -eq 33 ] || fail "the retrieval set holds $(field retrieval images) of 33 images"
get 200 "$api/search?name_prefix=new" -X POST --data-binary @"$work/extra/000002.jpg"
many 1 '"rank"'
get 200 --data-binary @"$work/extra/000003.jpg" "$api/images?name=%3Cscript%3E%2F..%2F%C3%B6.jpg"
out_has '"name":"<script>/../ö.jpg",.*"fate":"added"'
head -c 700 "$face" >"$work/torn.jpg"
head -c 17000000 /dev/zero >"$work/huge.jpg"
get 200 "$api/images?name=torn.jpg" --data-binary @"$work/torn.jpg"
out_has '"fate":"refused","reason":"[^"]+"'
# A progressive JPEG whose header says 8192x8192, with all components in full resolution: it would take 388 MiB to decode.
cp tests/unit/data/fixtures/progressive.jpg "$work/bomb.jpg"
patch_bomb() { printf "$2" | dd of="$work/bomb.jpg" bs=1 seek="$1" conv=notrunc status=none; }
patch_bomb 163 '\x20\x00\x20\x00'
for at in 169 172 175; do patch_bomb $at '\x11'; done
get 413 "$api/search" --data-binary @"$work/bomb.jpg"
says too_large "the image: decoding 8192x8192 pixels of this kind takes 388 MiB"
get 200 "$api/images?name=bomb.jpg" --data-binary @"$work/bomb.jpg"
out_has '"fate":"refused","reason":"decoding 8192x8192 pixels'
get 415 "$api/search" --data-binary @"$work/torn.jpg"
says no_image ""
get 415 "$api/translate" --data-binary nonsense
get 413 "$api/images?name=huge.jpg" --data-binary @"$work/huge.jpg"
says too_large "a body may have 16777216 bytes \(limits.image_max_mib\)"
get 413 "$api/search" -H "Transfer-Encoding: chunked" --data-binary @"$work/huge.jpg"
get 400 "$api/images?name=" --data-binary @"$face"
says invalid "name: expected"
# Names are made as rg-ctl add-images makes them.
get 200 "$api/images?name=caf%e9%0a.jpg" --data-binary @"$face"
out_has '"name":"caf%E9%0A.jpg"'
get 200 "$api/images?name=$(printf 'a%.0s' {1..252})/face.jpg" --data-binary @"$face"
out_has '"name":"~[0-9a-f]{16}~a+/face.jpg"'
odd=$work/odd/$(printf 'a%.0s' {1..200})/$(printf 'b%.0s' {1..200})
mkdir -p "$odd"
cp "$work/extra/000021.jpg" "$work/odd/$(printf 'caf\351\033[31m\n.jpg')"
cp "$work/extra/000022.jpg" "$odd/face.jpg"
run 0 add-images "$work/odd" --set http.gateway=$port
out_has "^2 added, "
get 200 "$api/images?limit=1000"
iconv -f UTF-8 -t UTF-8 "$work/out" >"$work/utf8" && cmp -s "$work/out" "$work/utf8" || fail "a reply is not UTF-8"
out_has "\"name\":\"$work/odd/caf%E9%1B\\[31m%0A.jpg\""
out_has '"name":"~[0-9a-f]{16}~a*/b+/face.jpg"'
# What curl sends without @, or as a form, is no image: the right call is in the answer.
for where in "search?k=1" translate "images?name=x.jpg"; do
    get 415 "$api/$where" --data-binary "$work/face.jpg"
    says no_image "the body is the text '$work/face.jpg', not an image: curl takes a file with @ before its name: --data-binary '@$work/face.jpg'"
    get 415 "$api/$where" -F "file=@$face"
    says no_image "the body is a form, not an image: .*--data-binary @FILE \(not -F\)"
    get 415 "$api/$where" -H "Content-Type: application/json" -d "{\"image\": \"$(base64 -w0 "$face")\"}"
    says no_image "the body is text, not an image"
done
[ "$(field retrieval images)" -eq 36 ] || fail "something of this was added"
get 400 $api/images --data-binary @"$face"
for i in {4..20}; do
    curl -s -m 60 -o "$work/added.$i" "$api/images?name=$i.jpg" --data-binary @"$work/extra/0000$(printf %02d "$i").jpg" &
    adding="${adding:-} $!"
done
wait $adding
[ "$(cat "$work"/added.* | grep -o '"fate":"added"' | wc -l)" -eq 17 ] || fail "not all were added: $(cat "$work"/added.*)"

# ---- hosts and origins
get 403 -H "Origin: http://evil.example" $api/system
says forbidden "the request comes from a page of another origin"
get 403 -H "Sec-Fetch-Site: cross-site" "$api/images?name=x" --data-binary @"$face"
get 200 -H "Origin: $here" $api/system
get 403 -H "Host: evil.example:$port" $api/system
says forbidden "this is not a name of this machine"
get 403 -H "Host: evil.example" $here/
get 200 -H "Host: localhost:$port" $api/system
get 204 -d whatever $api/session
grep -qi "^set-cookie" "$work/head" && fail "a cookie is set where none is needed"

# ---- services that do not answer, and answer again
pid=$(field retrieval pid)
kill -STOP "$pid"
get 504 $api/images
says timeout "the retrieval does not answer"
get 504 "$api/search" --data-binary @"$face"
get 200 $api/status
out_has '"service":"retrieval","answers":false\}'
many 5 '"answers":true'
kill -CONT "$pid"
get 200 $api/images
kill -9 "$(field encoder pid)"
until curl -s -m 60 -f -o "$work/out" "$api/search?k=1" --data-binary @"$face"; do :; done
many 1 '"rank"'

# ---- the gateway is killed and restarted
kill -9 "$(field gateway pid --set http.gateway=$port)" 2>/dev/null ||
    kill -9 "$("$RG_BIN/rg-ctl" status --json gateway --set http.gateway=$port | sed -nE 's/.*"pid":([0-9]+).*/\1/p')"
until curl -s -m 60 -f -o "$work/out" $api/system; do :; done
run 0 down

# ---- beyond loopback
up_on_a_port --set http.address=0.0.0.0
out_has "it asks for the token in $work/run/gateway.token"
here=http://127.0.0.1:$port api=http://127.0.0.1:$port/api/v1
[ "$(stat -c %a "$work/run/gateway.token")" = 600 ] || fail "others may read the token"
token=$(cat "$work/run/gateway.token")
get 200 $here/
get 200 $here/healthz
for path in $api/system $api/openapi.yaml $here/metrics; do
    get 401 "$path"
    head_has "^www-authenticate: Bearer"
    says token "send the token of this gateway"
    get 401 -H "Authorization: Bearer x$token" "$path"
    get 401 -b "rg_token=x" "$path"
    get 200 -H "Authorization: Bearer $token" "$path"
done
get 401 "$api/images?name=x" --data-binary @"$face"
get 401 -d wrong $api/session
says token "this is not the token"
get 204 --data-binary @"$work/run/gateway.token" $api/session
head_has "^set-cookie: rg_token=$token; HttpOnly; SameSite=Strict; Path=/"
get 200 -b "a=b; rg_token=$token" $api/system
get 403 -b "rg_token=$token" -H "Origin: http://evil.example" $api/system
get 200 -H "Host: box.example" -H "Authorization: Bearer $token" $api/system
run 0 down

# ---- on loopback with a token: behind a proxy that passes its own host name on
up_on_a_port
here=http://127.0.0.1:$port api=http://127.0.0.1:$port/api/v1
get 200 $api/system
get 204 -d wrong $api/session
grep -qi "^set-cookie" "$work/head" && fail "the token is given away"
get 200 -H "Host: box.example" $here/
get 401 -H "Host: box.example" $api/system
get 401 -H "Host: box.example" -d wrong $api/session
get 204 -H "Host: box.example" -d "$token" $api/session
head_has "^set-cookie: rg_token=$token; "
get 200 -H "Host: box.example" -b "rg_token=$token" -H "Origin: https://box.example" $api/system
grep -q "wrong-token" "$work/run/logs/gateway.log" || fail "wrong tokens are not logged"
grep -q "$token" "$work"/run/logs/*.log && fail "the token is in a log"
exit 0
