#!/bin/bash
# Run once by the PostgreSQL image, on an empty volume: one role and one database for each of Airflow, the Iceberg catalog and Marquez.
set -euo pipefail

psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set=airflow="$AIRFLOW_DB_PASSWORD" --set=iceberg="$ICEBERG_DB_PASSWORD" --set=marquez="$MARQUEZ_DB_PASSWORD" <<'SQL'
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE DATABASE airflow OWNER airflow;
CREATE ROLE iceberg LOGIN PASSWORD :'iceberg';
CREATE DATABASE iceberg OWNER iceberg;
CREATE ROLE marquez LOGIN PASSWORD :'marquez';
CREATE DATABASE marquez OWNER marquez;
SQL
