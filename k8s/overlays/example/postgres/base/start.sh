#!/bin/sh
# Makes a cluster with the service's two roles and its database if there is none, and serves it.
set -eu
data=/var/lib/postgresql/data/cluster
if [ ! -d "$data" ]; then
    rm -rf "$data.new"
    initdb --pgdata="$data.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --auth-local=trust \
        --auth-host=scram-sha-256 >/dev/null
    echo 'host all all all scram-sha-256' >>"$data.new/pg_hba.conf"
    # One statement a line; nothing listens yet.
    postgres --single -D "$data.new" postgres </etc/postgres-bootstrap/bootstrap.sql >/dev/null
    mv "$data.new" "$data"
fi
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c shared_buffers=32MB
