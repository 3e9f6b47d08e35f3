# NODEC FILE: the status of some command lines, and the first line that each prints.
nodec=$1 file=$2
say() {
  text=$("$nodec" "$file" solve f "$@" 2>&1)
  echo "$? $(echo "$text" | head -1)"
}
say --seed -1
say --seed 99999999999999999999
say --rtol 0
say --rtol nan
say --atol -1
say --method ''
say --threads -1
say --points 1
say --to inf
say --set z=nan
say --set z=1 --set z=2
say --set q=1
say --target cuda
say -D H=x
text=$("$nodec" "$file" solve g 2>&1)
echo "$? $text"
text=$({ "$nodec" "$file" solve f --set z=1 2>&1 >&3; } 3>/dev/full)
echo "$? $text"
say --set z=1 --atol 0
