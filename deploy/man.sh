#!/bin/bash
# man.sh BIN FOLDER VERSION: writes the manual pages of the programs in BIN to FOLDER, compressed: one page per program and one per
# command of rg-ctl, rg-ctl-train.1.gz and so on. help2man makes them from the help texts. SOURCE_DATE_EPOCH sets their date.
set -euo pipefail
bin=$1 folder=$2 version=$3
here=$(dirname "$0")
rm -rf "$folder"
mkdir -p "$folder"

# page NAME SUMMARY COMMAND: help2man heads the page of `rg-ctl train' with rg-ctl, and fills the lines of examples.
page() {
    help2man --no-info --manual="RG-UNIT" --source="RG-UNIT $version" --version-string="$version" --name="$2" \
        --include="$here/debian/manual.h2m" "$bin/$3" |
        sed -e "s/^\.TH [A-Z -]*[A-Z]/.TH ${1^^}/; s/^$3 \\\\-/$1 \\\\-/" \
            -e '/^\.SH EXAMPLES/,/^\.SH SEE/ { s/^\.SH EXAMPLES/&\n.nf/; /^\.\(IP\|PP\)$/d; /^\.HP$/ { N; s/.*\n/    / } }' |
        gzip -9n >"$folder/$1.1.gz"
}

page rg-ctl "command line of RG-UNIT" rg-ctl
for service in encoder evaluator gateway loader retrieval trainer; do
    page "rg-$service" "service of RG-UNIT, the $service" "rg-$service"
done
"$bin/rg-ctl" --help | sed -n 's/^  \([a-z-]*\)  *\([A-Z].*\)$/\1 \2/p' | while read -r command summary; do
    page "rg-ctl-$command" "${summary,}" "rg-ctl $command"
done
