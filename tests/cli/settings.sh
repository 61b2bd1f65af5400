# The services hold the configuration: a key that a command is given and that would have no effect is refused.
. tests/support/lib.sh
[ -x "$RG_BIN/rg-fake" ] || { echo "SKIP: rg-fake is not built"; exit 77; }
mkdir "$work/bin"
cp "$RG_BIN/rg-ctl" "$work/bin"
for service in $all_services; do cp "$RG_BIN/rg-fake" "$work/bin/rg-$service"; done
RG_BIN=$work/bin
write_config
export RG_CONFIG=$work/config.yaml
run 0 make-faces "$work/faces" --count 12 --seed 3
image=$(find "$work/faces" -name 000001.jpg)
run 0 up --set stage1.iterations=9

# refused SERVICE KEY WANTED HAS COMMAND...
refused()
{
    run 1 "${@:5}"
    err_has "no effect on the $1, which keeps the configuration that it was started with: $2: $3 \(the $1 has $4\); .rg-ctl down', then .rg-ctl up' with the new values"
    err_is_one_line
}
refused trainer classifier.lr 0.5 0.001 train --stage classifier --set classifier.lr=0.5
refused evaluator evaluation.split validation test evaluate --stage 1 --set evaluation.split=validation
refused encoder retrieval.nprobe 5 0 query --image "$image" --attr Blond_Hair=1 --set retrieval.nprobe=5
RG_SET="classifier.lr=0.5" refused trainer classifier.lr 0.5 0.001 train --stage classifier
refused trainer stage1.iterations 10 9 train --stage 1 --set stage1.iterations=10

# What the services have already may be said again, and what only rg-ctl reads may differ.
run 0 train --stage 1 --set stage1.iterations=9
run 0 train --stage 1
run 0 train --stage 1 --set limits.timeout_ms=9000

# Another file counts for training and evaluation. A client that searches may have a file of its own.
sed 's/embed_dim: 16/embed_dim: 24/' "$work/config.yaml" >"$work/other.yaml"
refused trainer model.embed_dim 24 16 train --stage 1 --config "$work/other.yaml"
refused evaluator model.embed_dim 24 16 evaluate --config "$work/other.yaml"
run 0 query --image "$image" --attr Blond_Hair=1 --config "$work/other.yaml"

# status and down always work.
run 0 status --set classifier.lr=0.5
run 0 down --set classifier.lr=0.5
