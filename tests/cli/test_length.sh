# Key lengths from counts in JSON: known answers, what is missing is named, published formulas by name.
. "$(dirname "$0")/checks.sh"

# near NAME VALUE: the JSON answer has NAME within a relative 1e-9 of VALUE.
near() {
    got=$(sed -n "s/.*\"$1\":\([-0-9.e+]*\).*/\1/p" "$out")
    awk -v a="$got" -v b="$2" 'BEGIN { d = a - b; if (d < 0) d = -d; m = b < 0 ? -b : b; exit !(a != "" && d <= 1e-9 * m) }' ||
        complain "$1 is '$got', expected $2"
}
receiver='"efficiency_mismatch":0,"dark_mismatch":0,"dark_probability":0,"random_swap":false'

two_decoys='{"mus":[0.5,0.1,0.0002],"ps":[0.6,0.3,0.1],"nX":[24651177,2514906,1786],"nZ":[304336,31048,22],
  "mZ":[7319.0,748.0,1.0],"leak":5157252,"eps_sec":1e-9,"eps_cor":1e-15,"vleur_eps":[4.5e-10,1e-10,1e-15]}'
echo "$two_decoys" >"$directory/two.json"
expect 3 "$program" length "$directory/two.json"
says "$err" 'object 1: field "efficiency_mismatch" is missing'
silent "$out"
expect 0 "$program" length --json --efficiency-mismatch 0 --dark-mismatch 0 --dark-probability 0 --no-random-swap "$directory/two.json"
near l 7181542.12672211
near phi 0.04675292084141366
near s1 16959411
near t1 190594
says "$out" '"bits":7181541,'
says "$out" '"statements":15'
expect 0 "$program" length --json --proof lim2014 "$directory/two.json"
near l 5698382.92684793
near s1 16482023.944675568
expect 3 "$program" length --proof rusca2018 "$directory/two.json"
says "$err" 'is for 2 intensities'

echo '{"mus":[0.5,0.15],"ps":[0.7,0.3],"nZ":[8851920,1148080],"mZ":[88521,11482],"nX":[109283,14174],"mX":[1093,142],
  "leak":937224,"eps_sec":1e-9,"eps_cor":1e-15}' >"$directory/one.json"
expect 0 "$program" length --json --proof rusca2018 "$directory/one.json"
near l 3701538.1169806398
expect 0 "$program" length --json --proof wiesemann-v3 "$directory/one.json"
near l 2944751.6681465385

# Several objects, from standard input too.
printf '{"n":100000,"k":10000,"m":300,"leak":22549,"eps_at":4.5e-11,"eps_pa":1e-11,"verification":129,%s}\n{"n":10,"k":10,"m":1,"leak":0,"eps_at":1e-10,"eps_pa":1e-10,%s}' "$receiver" "$receiver" >"$directory/many.json"
expect 0 "$program" length "$directory/many.json"
says "$out" '^secret bits          48627$'
says "$out" '^secret bits          0$'
[ "$("$program" length --json - <"$directory/many.json" | wc -l)" -eq 2 ] || complain "two lines of JSON expected"
echo '{"n":100000,"k":7955,"Qtol":0.0214,"leak":16415.36544455405,"eps_sec":1e-10,"eps_cor":1e-15}' >"$directory/t.json"
expect 0 "$program" length --json --proof tomamichel2012 "$directory/t.json"
near l 43616.45680434952

# Bad input is named.
echo '{"n":1' >"$directory/bad.json"
expect 3 "$program" length "$directory/bad.json"
says "$err" 'object 1, line'
echo '[]' >"$directory/bad.json"
expect 3 "$program" length "$directory/bad.json"
printf '{"n":1.5,"k":10,"m":1,"leak":0,"eps_at":1e-10,"eps_pa":1e-10,%s}' "$receiver" >"$directory/bad.json"
expect 3 "$program" length "$directory/bad.json"
says "$err" 'whole number'
printf '{"n":100,"k":10,"m":11,"leak":0,"eps_at":1e-10,"eps_pa":1e-10,%s}' "$receiver" >"$directory/bad.json"
expect 3 "$program" length "$directory/bad.json"
says "$err" 'more errors than detections'
: >"$directory/bad.json"
expect 3 "$program" length "$directory/bad.json"
expect 2 "$program" length
expect 2 "$program" length --proof lim2013 "$directory/two.json"
says "$err" "did you mean 'lim2014'"
expect 0 "$program" length --list
says "$out" '^tupkary2024'
expect 1 "$program" length "$directory/nothing"
finish
