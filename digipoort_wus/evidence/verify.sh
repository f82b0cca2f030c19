#!/bin/sh
# Verify an evidence export of digipoort-wus with openssl, xmlsec1, coreutils and sed alone.
#
#   sh verify.sh [ROOTS.pem [STAMP-ROOTS.pem]]
#
# It judges the directory that it is in. It prints a line for each thing that it judged, and ends
# with status 1 when one did not hold, with status 2 when it could not judge. ROOTS.pem are the
# roots that you believe, taken from where you believe them; without it those of the zip are
# taken, which prove nothing by themselves.
set -u
LC_ALL=C
export LC_ALL
# given FILE: its absolute name; certificates have to be in it.
given() {
    case $1 in /*) file=$1 ;; *) file=$PWD/$1 ;; esac
    if [ ! -f "$file" ] || [ ! -r "$file" ]; then
        printf '%s cannot be read.\n' "$1" >&2
        exit 2
    fi
    if ! openssl x509 -in "$file" -noout 2>/dev/null; then
        printf '%s holds no certificate in PEM.\n' "$1" >&2
        exit 2
    fi
}
for tool in openssl xmlsec1 basenc sha256sum; do
    if ! command -v "$tool" >/dev/null; then
        printf '%s is not here: install it.\n' "$tool" >&2
        exit 2
    fi
done
roots=trust/roots.pem
stamp_roots=trust/stamps.pem
if [ $# -gt 0 ]; then
    given "$1"
    roots=$file
fi
if [ $# -gt 1 ]; then
    given "$2"
    stamp_roots=$file
fi
CDPATH=
cd -- "$(dirname -- "$0")" || exit 2
if [ ! -r chain.jsonl ]; then
    printf 'There is no chain.jsonl in %s: unpack the zip, and run the verify.sh in it.\n' "$PWD" >&2
    exit 2
fi
failures=0
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

soap=http://schemas.xmlsoap.org/soap/envelope/
wsa=http://www.w3.org/2005/08/addressing
oasis=http://docs.oasis-open.org/wss
wsse=$oasis/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd
wsu=$oasis/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd
wsse11=$oasis/oasis-wss-wssecurity-secext-1.1.xsd

good() { printf 'ok      %s\n' "$1"; }
note() { printf 'note    %s\n' "$1"; }
bad() {
    printf 'FAILED  %s\n' "$1"
    failures=$((failures + 1))
}
# check LABEL COMMAND...: the command succeeds.
check() {
    label=$1
    shift
    if "$@" >"$work/out" 2>&1 </dev/null; then good "$label"; else bad "$label"; fi
}
# same LABEL EXPECTED FOUND: two texts are equal, and there is one.
same() { if [ -n "$2" ] && [ "$2" = "$3" ]; then good "$1"; else bad "$1"; fi; }
# text NAME LINE, number NAME LINE, list NAME LINE: a member of a line of canonical JSON. A
# quote inside of a text is escaped there, so none can pass for a member.
text() {
    rest=${2##*"\"$1\":\""}
    [ "$rest" = "$2" ] || printf '%s\n' "${rest%%\"*}"
}
number() {
    rest=${2##*"\"$1\":"}
    rest=${rest%%[!0-9]*}
    [ "${#rest}" -gt 15 ] || printf '%s\n' "$rest"
}
list() {
    rest=${2##*"\"$1\":["}
    [ "$rest" = "$2" ] || printf '%s\n' "${rest%%]*}" | tr '",' '  '
}
unhex() { printf '%s' "$1" | tr a-f A-F | basenc --base16 -d; }
sha() {
    digest=$(sha256sum)
    printf '%s\n' "${digest%% *}"
}
# hmac NAME FILE SALT
hmac() {
    printf 'hmac-sha256:'
    { printf '%s\0' "$1"; cat "$2"; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$3" |
        sed 's/.*= *//'
}
der() { openssl "$1" -in "$2" -outform DER | sha; }
# oin CERTIFICATE: serialNumber of its subject.
oin() { openssl x509 -in "$1" -noout -subject -nameopt multiline | sed -n 's/^ *serialNumber *= //p'; }
seconds() { date -u -d "$1" +%s; }
# is_signed MESSAGE CERTIFICATE: digests and SignatureValue of a SOAP message.
is_signed() {
    case $(xmlsec1 --version) in *' 1.2.'*) lax= ;; *) lax=--lax-key-search ;; esac
    openssl x509 -in "$2" -pubkey -noout >"$work/key.pem" || return 1
    # shellcheck disable=SC2086
    xmlsec1 --verify $lax --pubkey-pem "$work/key.pem" \
        --id-attr:Id "$soap:Body" --id-attr:Id "$wsu:Timestamp" \
        --id-attr:Id "$wsse:BinarySecurityToken" --id-attr:Id "$wsse11:SignatureConfirmation" \
        --id-attr:Id "$wsa:To" --id-attr:Id "$wsa:Action" --id-attr:Id "$wsa:MessageID" \
        --id-attr:Id "$wsa:RelatesTo" --id-attr:Id "$wsa:From" --id-attr:Id "$wsa:ReplyTo" \
        --id-attr:Id "$wsa:FaultTo" "$1"
}
# is_believed CERTIFICATE SECONDS OPTION...: it led to one of your roots at that moment.
is_believed() {
    believing=$1
    when=$2
    shift 2
    openssl verify -attime "$when" -no-CApath -no-CAstore -CAfile "$roots" "$@" "$believing"
}
node() { { printf '\001'; unhex "$1$2"; } | sha; }
# climb HASH INDEX SIZE BESIDE...: from a leaf to the root (RFC 9162 2.1.3.2), in $found.
climb() {
    found=$({ printf '\000'; unhex "$1"; } | sha)
    at=$2
    last=$(($3 - 1))
    shift 3
    [ "$at" -le "$last" ] || found=
    for beside; do
        [ "$last" -gt 0 ] || found=
        if [ $((at % 2)) = 1 ] || [ "$at" = "$last" ]; then
            found=$(node "$beside" "$found")
            while [ $((at % 2)) = 0 ] && [ "$at" != 0 ]; do
                at=$((at / 2))
                last=$((last / 2))
            done
        else
            found=$(node "$found" "$beside")
        fi
        at=$((at / 2))
        last=$((last / 2))
    done
    [ "$last" = 0 ] || found=
}

judge_batch() {
    batch_line=$(cat "batches/$1.json")
    sealed_at=$(text sealed_at "$batch_line")
    same "batch $1: number" "$1" "$(number batch "$batch_line")"
    same "batch $1: certificate" "$(text signer "$batch_line")" "$(der x509 "batches/$1.pem")"
    openssl x509 -in "batches/$1.pem" -pubkey -noout >"$work/key.pem"
    check "batch $1: signature" openssl dgst -sha256 -verify "$work/key.pem" \
        -signature "batches/$1.sig" "batches/$1.json"
    check "batch $1: certificate leads to a root" is_believed "batches/$1.pem" \
        "$(seconds "$sealed_at")" -untrusted trust/issuers.pem
    if [ ! -f "batches/$1.tsr" ]; then
        note "batch $1: no time stamp; that it was sealed at $sealed_at is the gateway's word"
        return
    fi
    stamped=$(openssl ts -reply -in "batches/$1.tsr" -text 2>"$work/out" |
        sed -n 's/^Time stamp: //p')
    cat "batches/$1.json" "batches/$1.sig" >"$work/stamped"
    check "batch $1: stamped ${stamped:-never}" openssl ts -verify -data "$work/stamped" \
        -in "batches/$1.tsr" -attime "$(seconds "${stamped:-1970-01-01}")" -CAfile "$stamp_roots"
}

# judge_place HASH LINE: the entry is a leaf of a batch.
judge_place() {
    proof=$(cat "proofs/$seq.json")
    batch=$(number batch "$proof")
    leaf=$(number leaf "$proof")
    if [ ! -f "batches/${batch:-none}.json" ]; then
        bad "entry $seq: in a batch"
        return
    fi
    case " $batches " in
    *" $batch "*) ;;
    *)
        batches="$batches $batch"
        judge_batch "$batch"
        ;;
    esac
    batch_line=$(cat "batches/$batch.json")
    # shellcheck disable=SC2046
    climb "$1" "${leaf:-0}" "$(number leaves "$batch_line")" $(list path "$proof")
    same "entry $seq: in batch $batch" "$(text root "$batch_line")" "$found"
    check "entry $seq: not younger than batch $batch" in_order \
        "$(text at "$2")" "$(text sealed_at "$batch_line")"
}
# Two clocks may be five minutes apart.
in_order() { [ "$(seconds "$1")" -le "$(($(seconds "$2") + 300))" ]; }

judge_chain() {
    expected=1
    batches=
    hash=0000000000000000000000000000000000000000000000000000000000000000
    while IFS= read -r line; do
        seq=$(number seq "$line")
        same "entry $expected: $(text kind "$line"), $(text at "$line")" "$expected" "$seq"
        seq=${seq:-$expected}
        hash=$({ printf '\002'; unhex "$hash"; printf '%s' "$line"; } | sha)
        judge_place "$hash" "$line"
        expected=$((expected + 1))
    done <chain.jsonl
    [ "$expected" -gt 1 ] || bad "chain.jsonl holds no entry"
    [ ! -f "proofs/$expected.json" ] || bad "entry $expected: not there, and its proof is"
}

# entries KIND BERICHT: their lines.
entries() {
    while IFS= read -r candidate; do
        case $candidate in
        *"\"bericht\":\"$2\","*"\"kind\":\"$1\","*) printf '%s\n' "$candidate" ;;
        esac
    done <chain.jsonl
}

# judge_listed LABEL FOLDER KIND LIST: the digests of certificates or CRLs are those of files.
judge_listed() {
    at=1
    for expected_digest in $4; do
        same "$1 $at" "$expected_digest" "sha256:$(der "$3" "$2/$at.pem")"
        cat "$2/$at.pem" >>"$work/$3.pem"
        at=$((at + 1))
    done
}

judge_contents() {
    at=1
    for mac in $(list contents "$2"); do
        same "$1: contents/$at.bin" "$mac" "$(hmac content "$1/contents/$at.bin" "$salt")"
        at=$((at + 1))
    done
    [ ! -f "$1/contents/$at.bin" ] || bad "$1: contents/$at.bin: no entry speaks of it"
}

# judge_signed FOLDER LINE OIN: a request, and who signed it by whom the entry names.
judge_signed() {
    same "$1: request.xml" "$(text request "$2")" "$(hmac request "$1/request.xml" "$salt")"
    if [ -z "$(text signature "$2")" ]; then
        note "$1: nobody signed the request"
        return
    fi
    : >"$work/x509.pem"
    : >"$work/crl.pem"
    judge_listed "$1: certificate" "$1/certificates" x509 "$(list certificates "$2")"
    judge_listed "$1: CRL" "$1/crls" crl "$(list crls "$2")"
    same "$1: OIN of the signer" "$3" "$(oin "$1/certificates/1.pem")"
    case $(text policy "$2") in
        ebms*) note "$1: the signature is over a payload as well that is not here: not verified" ;;
        *) check "$1: signature of the request" is_signed "$1/request.xml" "$1/certificates/1.pem" ;;
    esac
    check "$1: certificate leads to a root and is not revoked" is_believed \
        "$1/certificates/1.pem" "$(seconds "$(text at "$2")")" \
        -crl_check_all -untrusted "$work/x509.pem" -CRLfile "$work/crl.pem"
}

judge_answer() {
    answered=$(entries answered "$2" | tail -n 1)
    [ -n "$answered" ] || return
    same "$1: answer.xml" "$(text answer "$answered")" "$(hmac answer "$1/answer.xml" "$salt")"
    check "$1: signature of the answer" is_signed "$1/answer.xml" "$1/answer.pem"
    check "$1: certificate of the answer leads to a root" is_believed "$1/answer.pem" \
        "$(seconds "$(text at "$answered")")" -untrusted trust/issuers.pem
}

# judge_reports FOLDER BERICHT: what the agency reported on a delivery.
judge_reports() {
    entries reported "$2" >"$work/reported"
    count=1
    while IFS= read -r reported; do
        if [ -n "$(text request "$reported")" ]; then
            judge_signed "$1/reports/$count" "$reported" "$(text agency "$reported")"
        else
            note "$1: of report $count the request was not kept"
        fi
        count=$((count + 1))
    done <"$work/reported"
    [ ! -d "$1/reports/$count" ] || bad "$1: reports/$count: no entry speaks of it"
}

# judge_message LINE: a return message, and the request that brought it.
judge_message() {
    bericht=$(text bericht "$1")
    for folder in messages/*; do
        [ -f "$folder/bericht.txt" ] && [ "$(cat "$folder/bericht.txt")" = "$bericht" ] || continue
        salt=$(cat "$folder/salt.hex")
        judge_contents "$folder" "$1"
        if [ -n "$(text request "$1")" ]; then
            judge_signed "$folder" "$1" "$(text agency "$1")"
        else
            note "$folder: it came without a request: the gateway made it"
        fi
        return
    done
    if [ -n "$(sed -n '/"kind":"purged"/p' chain.jsonl)" ]; then
        note "return message $bericht: purged; what it was cannot be shown any more"
    else
        bad "return message $bericht: not there, and no entry says that it was purged"
    fi
}

judge_statuses() {
    # One status on each line between the brackets.
    sed -n '/^{/s/},\{0,1\}$/}/p' "$1/statuses.json" >"$work/statuses"
    entries status "$2" >"$work/reached"
    same "$1: number of statuses" "$(wc -l <"$work/reached")" "$(wc -l <"$work/statuses")"
    at=1
    while IFS= read -r reached; do
        sed -n "${at}p" "$work/statuses" | tr -d '\n' >"$work/status"
        same "$1: status $at, $(text code "$reached")" "$(text status "$reached")" \
            "$(hmac status "$work/status" "$salt")"
        at=$((at + 1))
    done <"$work/reached"
}

judge_filing() {
    bericht=$(text bericht "$1")
    if [ -n "$(entries purged "$bericht")" ]; then
        note "delivery $bericht: purged; what it was cannot be shown any more"
        return
    fi
    for folder in filings/*; do
        [ -f "$folder/bericht.txt" ] && [ "$(cat "$folder/bericht.txt")" = "$bericht" ] || continue
        salt=$(cat "$folder/salt.hex")
        judge_contents "$folder" "$1"
        judge_signed "$folder" "$1" "$(text sender "$1")"
        judge_answer "$folder" "$bericht"
        judge_statuses "$folder" "$bericht"
        judge_reports "$folder" "$bericht"
        return
    done
    bad "delivery $bericht: not there, and no entry says that it was purged"
}

judge_chain
while IFS= read -r line; do
    case $(text kind "$line") in
    received) judge_filing "$line" ;;
    offered) judge_message "$line" ;;
    esac
done <chain.jsonl
if [ $# -eq 0 ]; then
    note "roots: those of the zip; compare them with those that you believe"
fi
if [ "$failures" -gt 0 ]; then
    printf '%s did not hold.\n' "$failures"
    exit 1
fi
echo "Everything holds."
