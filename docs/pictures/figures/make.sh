#!/bin/sh
# Makes every sample figure of docs/figures.md: sh docs/pictures/figures/make.sh [whyfinder]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
whyfinder=${1:-whyfinder}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

run() { "$whyfinder" run "$here/experiments/$1.toml" --out "$results/$1" >/dev/null; }
scene() { "$whyfinder" gallery "$1" --out "$results/$1" >/dev/null; }
draw() {
    name=$1
    shift
    "$whyfinder" figure "$@" --out "$here/$name.png" --dpi 150 --force
}
on() { for name in "$@"; do printf '%s\n' "$results/$name/result.npz"; done; }

scene tower
scene induction
scene facade
for name in lam gradient integrated-gradients rise receptive-field occlusion window-attention \
    faithfulness mediation local channel; do
    run "$name"
done

draw trace $(on tower) --width double
draw lines $(on tower) --field residual.lines --field mlp.lines --width double
draw estimate $(on tower) --field residual.estimate --field residual --width double
draw part $(on tower) --field residual --field mlp --part 3-7,0-5 --width double
draw predictions $(on tower) --field predictions
draw attention $(on induction) --width double
draw head $(on induction) --field head:4.1@2-9
draw effect $(on facade) --field effect --field counts --field output --width double
draw estimated $(on facade) --field reachable --field effect.estimate --field effect --invert --width double
draw pictures $(on facade) --field input --field output --field truth --width double
draw comparison $(on local channel) --width double --difference
draw mediation $(on mediation) --field effect --field effect.direct --field effect.mediated --width double
draw lam $(on lam) --field attribution --field density --field attribution.signed --width double
draw relatives $(on gradient integrated-gradients rise receptive-field) --width double
draw gradient $(on gradient) --field attribution.signed --field gradient-times-input --width double
draw saliency $(on rise) --field attribution --field saliency --width double
draw receptive $(on receptive-field) --field attribution --field attribution.image --field reachable --width double
draw occlusion $(on occlusion)
draw ranked $(on faithfulness) --field map.occlusion --field map.lam --field map.gradient --width double
draw curves $(on faithfulness) --width double
layer=attention.layers.0.residual_group.blocks.0.attn.pattern
draw windows $(on window-attention) --field "$layer" --field "$layer:1" --field "$layer:2" --width double
# One figure in each of the other formats.
for ending in pdf svg tex table.tex csv; do
    "$whyfinder" figure $(on tower) --field residual --font serif --size 8 --out "$here/residual.$ending" --force
done
