# The Python package without services, and its types, if mypy is installed.
. tests/support/lib.sh
. tests/support/python.sh
need_package
"$python" -W error::ResourceWarning -m unittest discover -s tests/unit/client/python || exit 1
"$python" -c "import mypy" 2>/dev/null || { echo "types are not checked: python3-mypy is not installed"; exit 0; }
cd "$RG_BIN/../common/client/python" || exit 1
"$python" -m mypy --cache-dir "$work/mypy" --config-file "$OLDPWD/common/client/python/pyproject.toml" rg_unit
