// node runtime.mjs FILE FOLDER DIMS: runs an ONNX file on the inputs FOLDER/NAME (floats), with the dims {NAME: [..]}. Writes
// each output to FOLDER/NAME and prints their dims.
import { readFileSync, writeFileSync } from 'node:fs';
import ort from 'onnxruntime-node';

const [file, folder, shapes] = process.argv.slice(2);
const session = await ort.InferenceSession.create(file);
const given = Object.fromEntries(Object.entries(JSON.parse(shapes)).map(([name, dims]) => {
  const { buffer, byteOffset, byteLength } = readFileSync(`${folder}/${name}`);
  return [name, new ort.Tensor('float32', new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)), dims)];
}));
const found = await session.run(given);
for (const [name, { data }] of Object.entries(found)) writeFileSync(`${folder}/${name}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
console.log(JSON.stringify(Object.fromEntries(Object.entries(found).map(([name, { dims }]) => [name, dims]))));
