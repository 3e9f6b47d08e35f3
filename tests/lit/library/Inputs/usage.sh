# usage.sh NODEC FOLDER: each command's status and what it says.
nodec=$1
cd "$2" || exit 1
say() {
  said=$("$@" 2>&1)
  echo "$? $said"
}
say $nodec m.node compile --emit=obj,asm -o m
say $nodec m.node compile --emit= -o m
say $nodec m.node compile --emit=obj
say $nodec m.node compile -o m
say $nodec m.node compile --cpu native
say $nodec m.node compile --emit=obj -o m --cpu z80
say $nodec m.node compile --emit=obj -o m --shared x,q
say env PATH="$PWD/no_tools" $nodec m.node compile --emit=shared -o m
say $nodec m.node compile --emit=obj -o absent/m
say $nodec m.node compile --emit=obj,header -o "$PWD/m.o"
say $nodec m.node compile --emit=header -o m --cpu x86-64 --json
say $nodec m.node compile --emit=asm -o m.s
echo "0 written by -o"
cat m.s
echo "0 left: $(ls | xargs)"
