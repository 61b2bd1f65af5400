// node compare.mjs DIR: runs each network of the folder in onnxruntime and compares its outputs with ours (reference.c).
import { readFileSync, readdirSync } from 'node:fs';
import ort from 'onnxruntime-node';

const TOLERANCE = 1e-4;

const folder = process.argv[2];
const cases = readdirSync(folder).filter(file => file.endsWith('.onnx')).map(file => file.slice(0, -5));
let failed = 0, worst = 0;

const tensorOf = ({ dims, data }) => new ort.Tensor('float32', Float32Array.from(data), dims);

for (const name of cases) {
  const { inputs, outputs } = JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8'));
  const session = await ort.InferenceSession.create(`${folder}/${name}.onnx`);
  const given = Object.fromEntries(Object.entries(inputs).map(([input, value]) => [input, tensorOf(value)]));
  const found = await session.run(given);
  for (const [output, { dims, data }] of Object.entries(outputs)) {
    const got = found[output];
    const error = Math.max(...data.map((value, i) => Math.abs(value - got.data[i])));
    const isRight = JSON.stringify(got.dims) === JSON.stringify(dims) && error <= TOLERANCE;
    if (!isRight) console.log(`${name}: ${output} [${got.dims}] is off by ${error}`);
    failed += !isRight;
    worst = Math.max(worst, error);
  }
}
console.log(`${cases.length} networks, largest error ${worst.toExponential(1)}`);
process.exit(failed || cases.length === 0 ? 1 : 0);
