// The system under test: rg-ctl, image files and processes.

import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const { RG_BIN, RG_WORK, RG_PORT } = process.env;
const ctl = join(RG_BIN, 'rg-ctl');
const execute = promisify(execFile);

export const work = RG_WORK;
export const origin = `http://127.0.0.1:${RG_PORT}`;
export const run = join(RG_WORK, 'run');
export const extra = join(RG_WORK, 'extra');

/** Images that are not in the retrieval set. */
export const faces = readdirSync(extra).filter(name => name.endsWith('.jpg')).sort().map(name => join(extra, name));
export const face = i => readFileSync(faces[i]);

export const rgCtl = async (...words) => (await execute(ctl, words, { maxBuffer: 1 << 26 })).stdout;

/** Starts training; the promise resolves when it is done. */
export function train() {
  const child = spawn(ctl, ['train'], { stdio: 'ignore' });
  return new Promise((resolve, reject) =>
    child.on('exit', code => (code === 0 ? resolve() : reject(new Error(`rg-ctl train: ${code}`)))));
}

export async function pidOf(service) {
  const { services } = JSON.parse(await rgCtl('status', '--json', service));
  return services[0].pid;
}

export const signal = async (service, name) => process.kill(await pidOf(service), name);

/** The output of a shell command. */
export const shell = async command => (await execute('sh', ['-c', command])).stdout;
