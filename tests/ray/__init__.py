import pytest

pytest.importorskip("ray", reason='Ray is not installed here: pip install -e ".[cluster]"')
