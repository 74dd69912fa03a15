#!/usr/bin/env bash
# Asks a server with curl, which offers h2c with `--http2`.
#     curl.sh URL KEY
set -euo pipefail
ask=(curl --silent --show-error --http2 --max-time 20 -H "Authorization: Bearer $2")

found() { grep -o "\"$1\":\"[^\"]*\"" | sed "s/^\"$1\":\"//; s/\"\$//" | tr -d '\n'; }

chat() {
	"${ask[@]}" "$url/v1/chat/completions" -H 'Content-Type: application/json' \
		-d "{\"model\": \"$1\", \"stream\": $2, \"messages\": [{\"role\": \"user\", \"content\": \"one two three\"}]}"
}

url=$1
printf 'whole\t%s\n' "$(chat echo false | found content)"
printf 'stream\t%s\n' "$(chat echo true | found content)"
status=$("${ask[@]}" -o /dev/null -w '%{http_code}' "$url/v1/chat/completions" \
	-H 'Content-Type: application/json' -d '{"model": "nobody", "messages": [{"role": "user", "content": "a"}]}')
printf 'unknown model\t%s %s\n' "$status" "$(chat nobody false | found code)"
printf 'recording\t%s\n' "$(printf 'turn on the light' |
	"${ask[@]}" "$url/v1/audio/transcriptions" -F model=lines -F 'file=@-;filename=a' | found text)"
# More than a megabyte: curl waits for `100 Continue` first.
printf 'large\t%s\n' "$({ printf '{"model": "nobody", "pad": "'; head -c 1500000 /dev/zero | tr '\0' x; printf '"}'; } |
	"${ask[@]}" -o /dev/null -w '%{http_code}' "$url/v1/embeddings" -H 'Content-Type: application/json' --data-binary @-)"
