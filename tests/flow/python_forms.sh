# The paper's form of each network in PyTorch gives what the services give: the maps of neighbours guide, R is trained with triplets,
# and the image is what G decodes.
. tests/support/flow.sh
. tests/support/python.sh
need_package
need_module torch
write_flow_config
sed -i 's/, k: 2}/, k: 2, fusion: concat, retrieval: triplet}/' "$RG_CONFIG"
prepare_stage3
run 0 train --stage 3
export RG_EXTRA=$work/extra RG_RUN=$work/run
check tests/flow/python/networks.py
