"""PostgreSQL, Valkey and the supervisor behind `manage.py up`; unused where the environment names other servers."""
