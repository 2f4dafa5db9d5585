#!/usr/bin/env bash
# The life of one record with Fabric's stock peer program: put, get, anchor,
# verify, hold, purge, tombstone. Every answer is checked; the exit status is 1 at
# the first that is not as it should be.
#
#   scripts/peer-cli.sh [DIR]        DIR of a running local network, default .domicile
#
# Needs bash, coreutils, openssl and the programs in bin/ (PEER_BIN names another
# folder). The peer program takes transient data as an argument, which other users of
# the machine can see in the list of processes: good for trials, not for people's data.
set -euo pipefail
shopt -s inherit_errexit

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=$(cd "${1:-.domicile}" && pwd) || { echo "no network in ${1:-.domicile}" >&2; exit 2; }
bin=${PEER_BIN:-$repo/bin}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

readonly region=us collection=us-a channel=global chaincode=domicile

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
b64() { base64 | tr -d '\n'; }
hex2bin() { printf '%b' "$(sed 's/../\\x&/g')"; }
escape() { sed 's/\\/\\\\/g; s/"/\\"/g'; }

# address NODE: a peer's or orderer's host:port, from the settings it runs with.
address() {
	local config=$dir/nodes/$1/config
	if [[ -f $config/core.yaml ]]; then
		sed -n 's/^  address: "\(.*\)"$/\1/p' "$config/core.yaml"
	else
		sed -n 's/^  ListenAddress: "\(.*\)"$/\1/p; s/^  ListenPort: \([0-9]*\)$/:\1/p' "$config/orderer.yaml" |
			head -n 2 | tr -d '\n'
	fi
}

# as ORG ROLE: the environment in which the peer program acts for that user and
# talks to a peer of the same organisation, and to no other one.
as() {
	local node=peer0.$1
	export FABRIC_CFG_PATH=$dir/nodes/$node/config
	export CORE_PEER_LOCALMSPID=$1
	export CORE_PEER_MSPCONFIGPATH=$dir/orgs/$1/users/$2/msp
	CORE_PEER_ADDRESS=$(address "$node")
	export CORE_PEER_ADDRESS
	export CORE_PEER_TLS_ENABLED=true
	export CORE_PEER_TLS_ROOTCERT_FILE=$dir/nodes/$node/tls/ca.crt
	export CORE_PEER_CLIENT_CONNTIMEOUT=30s
	export FABRIC_LOGGING_SPEC=error
}

orderer=$(cd "$dir/nodes" && echo orderer0.Us*)
orderer_flags=(-o "$(address "$orderer")" --tls --cafile "$dir/nodes/$orderer/tls/ca.crt" --connTimeout 30s --waitForEventTimeout 120s)

# endorsers ORG...: flags that send a proposal to peer0 of these organisations.
endorsers() {
	local org
	for org; do
		printf -- '--peerAddresses\n%s\n--tlsRootCertFiles\n%s\n' "$(address "peer0.$org")" "$dir/nodes/peer0.$org/tls/ca.crt"
	done
}

# transient NAME VALUE...: the JSON that --transient takes. Values are files when
# they begin with @.
transient() {
	local sep='{'
	while (($#)); do
		printf '%s"%s":"%s"' "$sep" "$1" "$(if [[ $2 == @* ]]; then b64 <"${2#@}"; else printf %s "$2" | b64; fi)"
		sep=,
		shift 2
	done
	printf '}'
}

# write OP REQUEST [NAME VALUE]: a private write. It is endorsed by the holder's own
# peer alone; operation, keys and bytes are in the transient map, so that the ledger
# of other regions gets hashes and nothing else.
write() {
	local op=$1 request=$2
	shift 2
	local flags
	mapfile -t flags < <(endorsers "$CORE_PEER_LOCALMSPID")
	"$bin/peer" chaincode invoke "${orderer_flags[@]}" -C "$channel" -n "$chaincode" "${flags[@]}" \
		-c '{"function":"Write","Args":[]}' --transient "$(transient op "$op" request "$request" "$@")" \
		--waitForEvent >"$tmp/out" 2>&1
}

# read OP REQUEST [FLAG]: a private read; prints the opened answer. It is a query and
# never an invoke, and its answer comes sealed under a key made for this one call.
read_private() {
	local key
	key=$(openssl rand -hex 32)
	printf %s "$key" | hex2bin >"$tmp/key"
	"$bin/peer" chaincode query -C "$channel" -n "$chaincode" -c '{"function":"Read","Args":[]}' \
		--transient "$(transient op "$1" request "$2" key "@$tmp/key")" >"$tmp/sealed" 2>"$tmp/out" || return 1
	"$bin/domicile" record open --key "$key" ${3:+"$3"} "$tmp/sealed"
}

# publish FUNCTION REQUEST: a public, PHI-free transaction that peers of two regions
# must endorse, each after looking into its own state. A peer that is a block behind
# refuses, so it is tried for two minutes.
publish() {
	local flags end=$((SECONDS + 120))
	mapfile -t flags < <(endorsers UsHospital EuHospital)
	until "$bin/peer" chaincode invoke "${orderer_flags[@]}" -C "$channel" -n "$chaincode" "${flags[@]}" \
		-c "{\"function\":\"$1\",\"Args\":[\"$(printf %s "$2" | escape)\"]}" --waitForEvent >"$tmp/out" 2>&1; do
		((SECONDS < end)) || fail "$1: $(cat "$tmp/out")"
		sleep 0.3
	done
}

# ask FUNCTION REQUEST: a public read.
ask() {
	"$bin/peer" chaincode query -C "$channel" -n "$chaincode" \
		-c "{\"function\":\"$1\",\"Args\":[\"$(printf %s "$2" | escape)\"]}"
}

# refused CODE COMMAND...: the command must fail with this code.
refused() {
	local code=$1
	shift
	if "$@" >"$tmp/unexpected"; then fail "$2 was to be refused with $code and was not"; fi
	grep -q "$code: " "$tmp/out" || fail "$2 was to be refused with $code, but: $(cat "$tmp/out")"
	echo "refused with $code, as it should be"
}

must() { "$@" || fail "$1 $2: $(cat "$tmp/out")"; }
has() { [[ $1 == *"$2"* ]] || fail "expected $2 in: $1"; }
seed() { openssl rand -base64 32; }

base="\"v\":1,\"region\":\"$region\",\"collection\":\"$collection\""
ref="{\"collection\":\"$collection\",\"id\":"

say "a record: an id of 128 random bits and a resource, old enough to be due"
id=$(openssl rand 16 | base32 | tr -d '=\n' | tr A-Z a-z)
printf '{"resourceType":"Observation","status":"final","code":{"text":"trial %s"},"effectiveDateTime":"1951-02-03"}' \
	"$(openssl rand -hex 8)" >"$tmp/resource.json"
echo "id $id, $(wc -c <"$tmp/resource.json") bytes"

say "put, as a writer of UsHospital"
as UsHospital writer
# The holder's private part says whether labelling rules are in force; a put then names them.
# This script applies none: its record has no code that a rule could match.
rules=$(must read_private get-private "{\"v\":1,\"region\":\"$region\",\"collection\":\"$collection-log\"}" |
	grep -o '"rules":"[0-9a-f]\{64\}"' || true)
put="{$base,\"records\":[{\"id\":\"$id\",\"seed\":\"$(seed)\"${rules:+,$rules}}]}"
must write put "$put" body/0 "@$tmp/resource.json"
refused EXISTS write put "$put" body/0 "@$tmp/resource.json"

say "get, as a reader: the same bytes, and the salt"
as UsHospital reader
must read_private get "{$base,\"id\":\"$id\"}" >"$tmp/got.json"
cmp "$tmp/resource.json" "$tmp/got.json" || fail "the bytes that came back differ"
salt=$(must read_private get "{$base,\"id\":\"$id\"}" --salt)
echo "identical; salt $salt"
refused FORBIDDEN write put "$put" body/0 "@$tmp/resource.json"

say "anchor: peers of two regions confirm the hash, made with sha256sum"
hash=$({ printf '\001'; printf %s "$salt" | hex2bin; cat "$tmp/resource.json"; } | sha256sum | cut -d ' ' -f 1)
as UsHospital writer
publish Anchor "{\"v\":1,\"region\":\"$region\",\"records\":[$ref\"$id\",\"hash\":\"$hash\"}]}"
echo "anchored $hash"

say "verify, as EuHospital at its own peer: it holds no private data of us"
as EuHospital reader
has "$(ask Verify "{\"v\":1,\"id\":\"$id\",\"hash\":\"$hash\"}")" '"match":true'
wrong=$(printf 'other bytes' | sha256sum | cut -d ' ' -f 1)
has "$(ask Verify "{\"v\":1,\"id\":\"$id\",\"hash\":\"$wrong\"}")" '"match":false'
refused WRONG_PEER read_private get "{$base,\"id\":\"$id\"}"

say "due, as a purger"
as UsHospital purger
page=$(must read_private due "{$base,\"before\":\"1958-01-01\"}")
has "$page" "\"id\":\"$id\""
echo "the due index lists it"

say "a legal hold of an officer stops the purge until another officer releases it"
hold="{$base,\"seed\":\"SEED\",\"ids\":[\"$id\"],\"matter\":\"trial-1\",\"authority\":\"walkthrough\",\"reason\":\"walkthrough\"}"
as UsHospital officer
must write hold "${hold/SEED/$(seed)}"
as UsHospital purger
refused HELD write purge "{$base,\"seed\":\"$(seed)\",\"ground\":\"due\",\"ids\":[\"$id\"]}"
as UsHospital officer
refused SAME_PERSON write release "${hold/SEED/$(seed)}"
as UsHospital officer2
must write release "${hold/SEED/$(seed)}"

say "purge, as a purger"
as UsHospital purger
must write purge "{$base,\"seed\":\"$(seed)\",\"ground\":\"due\",\"ids\":[\"$id\"]}"
as UsHospital reader
refused GONE read_private get "{$base,\"id\":\"$id\"}"

say "tombstone: peers of two regions confirm that it is gone"
as UsHospital writer
publish Tombstone "{\"v\":1,\"region\":\"$region\",\"records\":[$ref\"$id\"}]}"
refused GONE write put "{$base,\"records\":[{\"id\":\"$id\",\"seed\":\"$(seed)\"${rules:+,$rules}}]}" body/0 "@$tmp/resource.json"
as EuHospital reader
proof=$(ask Proof "{\"v\":1,\"ids\":[\"$id\"]}")
has "$proof" '"state":"purged"'
has "$proof" "\"hash\":\"$hash\""
echo "$proof"

say "the list of what is still to do forgets it"
as UsHospital purger
must write purge "{$base,\"seed\":\"$(seed)\",\"ground\":\"due\",\"settle\":[\"$id\"]}"

printf '\nAll as it should be.\n'
