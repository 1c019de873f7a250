import { afterEach, expect, test } from 'vitest'
import { FileWorld } from '../testing/file-world.ts'

let world: FileWorld | undefined
afterEach(async () => {
  await world?.end()
  world = undefined
})

async function started(given: Parameters<typeof FileWorld.make>[0] = {}): Promise<FileWorld> {
  world = await FileWorld.make(given)
  await world.start()
  return world
}

test('what is appended is delivered once, line by line', async () => {
  const w = await started()
  await w.write('app.log', 'one\ntwo\n')
  await w.look()
  await w.write('app.log', 'three\r\n\nfive\n')
  await w.look()
  await w.look()
  expect(w.sink.texts).toEqual(['one', 'two', 'three', '', 'five'])
})

test('a renamed file is read to its end, and the new one from its start', async () => {
  const w = await started()
  await w.write('app.log', 'one\n')
  await w.look()
  await w.write('app.log', 'two\n')
  await w.rename('app.log', 'app.log.1')
  await w.write('app.log', 'three\n')
  await w.write('app.log.1', 'late\n')
  await w.look()
  await w.write('app.log.1', 'later\n')
  await w.look()
  expect(w.sink.texts.sort()).toEqual(['late', 'later', 'one', 'three', 'two'])
})

test('rotated while stopped: the rest of the old file and every file between are read', async () => {
  const w = await started()
  await w.write('app.log', 'one\n')
  await w.look()
  await w.stop()
  await w.write('app.log', 'two\n')
  await w.rename('app.log', 'app.log.1')
  await w.write('app.log', 'three\n')
  await w.rename('app.log.1', 'app.log.2')
  await w.rename('app.log', 'app.log.1')
  await w.gzip('app.log.2')
  await w.write('app.log', 'four\n')
  await w.start()
  await w.look()
  expect(w.sink.texts.sort()).toEqual(['four', 'one', 'three', 'two'])
  await w.restart()
  await w.look()
  expect(w.sink.items).toHaveLength(4)
})

test('copied and truncated: the rest is read from the copy, the copy itself is not', async () => {
  const w = await started({ paths: ['app.log*'] })
  await w.write('app.log', 'a line that is long enough to tell\n')
  await w.look()
  await w.write('app.log', 'two\n')
  await w.copyTruncate('app.log', 'app.log.1')
  await w.write('app.log', 'three\n')
  await w.look()
  await w.look()
  expect(w.sink.texts.sort()).toEqual(['a line that is long enough to tell', 'three', 'two'])
})

test('written anew to the same size is seen as new content', async () => {
  const w = await started()
  await w.write('app.log', 'one\ntwo\n')
  await w.look()
  await w.replace('app.log', 'eno\nowt\n')
  await w.look()
  expect(w.sink.texts).toEqual(['one', 'two', 'eno', 'owt'])
})
