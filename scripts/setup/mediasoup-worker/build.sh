#!/bin/bash
# usage: build.sh <mediasoup package dir> <out binary> [jobs]     makes the worker from the package's own source (README.md)
set -euo pipefail
package=$1 out=$2 jobs=${3:-$(nproc)} overlay=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$package/worker" "$work/worker"
rm -rf "$work/worker/subprojects"
cp -r "$overlay/subprojects" "$work/worker/subprojects"
cd "$work/worker"
sed -i "s/meson_version: '>= 1.1.0'/meson_version: '>= 1.0.0'/" meson.build
sed -i 's/(operationType == BIO_CB_RETURN)/((operationType \& BIO_CB_RETURN) != 0)/' src/RTC/DtlsTransport.cpp
grep -q 'operationType & BIO_CB_RETURN' src/RTC/DtlsTransport.cpp
meson setup --wrap-mode=nodownload --buildtype release -Db_ndebug=true ../out .
ninja -j "$jobs" -C ../out mediasoup-worker
install -s -m755 ../out/mediasoup-worker "$out"
