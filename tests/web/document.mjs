// openapi.yaml is valid OpenAPI and is served, and all its paths without parameters answer.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import SwaggerParser from '@apidevtools/swagger-parser';

const FILE = 'services/gateway/openapi.yaml';

export async function document({ system }) {
  const { servers: [{ url }], paths } = await SwaggerParser.validate(FILE);
  const get = path => fetch(`${system.origin}${url}${path}`);
  assert.equal(await (await get('/openapi.yaml')).text(), readFileSync(FILE, 'utf8'));
  const plain = Object.keys(paths).filter(path => paths[path].get && !path.includes('{'));
  assert(plain.length > 5);
  for (const path of plain) assert.equal((await get(path)).status, 200, path);
}
