// Files out of what was dropped or chosen. Of a folder those are taken that call themselves JPEG, as `rg-ctl add-images` does;
// a file that was named by itself is sent whatever it is called.

const JPEG = /\.jpe?g$/i;
const NAME_BYTES = 255;

/** All files of a drop, folder by folder, as {file, name}. */
export async function* filesOfDrop(data) {
  const entries = [...data.items].filter(item => item.kind === 'file').map(item => item.webkitGetAsEntry()); // gone after the event
  for (const entry of entries) yield* walk(entry, entry?.isFile);
}

async function* walk(entry, named) {
  if (entry?.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    const path = entry.fullPath.replace(/^\//, '');
    if (named || JPEG.test(file.name)) yield { file, name: fitting(path, file.name) };
  } else if (entry?.isDirectory) {
    for await (const child of children(entry)) yield* walk(child, false);
  }
}

/** A reader hands out a hundred at a time, and nothing at the end. */
async function* children(folder) {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    yield* some;
  }
}

/** All files of an input element, as {file, name}. */
export function* filesOfInput(input) {
  for (const file of input.files) {
    const path = file.webkitRelativePath || file.name;
    if (!input.webkitdirectory || JPEG.test(file.name)) yield { file, name: fitting(path, file.name) };
  }
}

/** The path, where it is short enough to be a name. */
const fitting = (path, name) => (new TextEncoder().encode(path).length <= NAME_BYTES ? path : name);
