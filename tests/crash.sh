#!/bin/sh
# tests/crash.sh [PART]: the store under fire: killed, without power, without space or memory.
exec "${B:-build}/test/crash" ${1+"$1"}
