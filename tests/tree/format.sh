# C sources are formatted as .clang-format says (version 14, Debian 12's), and scripts have no warning of shellcheck.
set -u
version=$(clang-format --version 2>/dev/null | grep -o 'version [0-9]*')
[ "$version" = 'version 14' ] || { echo "SKIP: needs clang-format 14, here: ${version:-none}"; exit 77; }
command -v shellcheck >/dev/null || { echo "SKIP: needs shellcheck"; exit 77; }
find common services tests \( -name '*.[ch]' -o -name '*.cc' \) -print0 | xargs -0 clang-format --dry-run --Werror || exit 1
{ find deploy tests -name '*.sh'; echo .ci/run; } | xargs shellcheck --severity warning || exit 1
wide=$(grep -rnE --include='*.[ch]' '^.{121}' common services tests)
[ -z "$wide" ] || { echo "lines beyond 120 columns:"; echo "$wide"; exit 1; }
