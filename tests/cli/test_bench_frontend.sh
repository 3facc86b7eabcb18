# SPDX-License-Identifier: Apache-2.0
# `keystill bench events` and `keystill bench sift`: every row is there, verified, and names its rate.
. "$(dirname "$0")/checks.sh"

for format in swabian pq-t2-raw s15-a1 qutag; do
    expect 0 "$program" bench events --json --events 20000 --seconds 0.01 --format "$format"
    for stage in pipe decode frontend all; do
        says "$out" "\"format\":\"$format\",\"stage\":\"$stage\".*\"events_per_second\":.*\"verified\":true"
    done
done

expect 0 "$program" bench sift --json --detections 5000 --seconds 0.01
for part in bob alice encode-slots decode-slots; do
    says "$out" "\"part\":\"$part\".*\"detections_per_second\":.*\"verified\":true"
done

expect 2 "$program" bench events --format nonsense
says "$err" "unknown format 'nonsense'"
expect 2 "$program" bench sift --detections 1
finish
