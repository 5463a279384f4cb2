import { workerContender } from '../contenders.ts';
import { miniLm, type Group, type GroupResult } from './row.ts';

/**
 * Kernels that compute the same, beside each other on this adapter: what a graphics chip is asked at its first start, asked of any device.
 * The work is that of one layer of MiniLM over 256 tokens; times are medians of a launch.
 */
export const variants: Group = async ({ page, batch }): Promise<GroupResult> => {
  const contender = workerContender(page, 'variants', 'ours', miniLm('webgpu', batch.slice(0, 1), null, 'variants'), 'variants');
  const device = await contender.open();
  const { counts } = await contender.measure();
  await contender.close();
  const candidatesMs = Object.fromEntries(Object.entries(counts).filter(([name]) => name.startsWith('ms ')).map(([name, milliseconds]) => [name.slice(3), milliseconds]));
  console.log(`  ${device}`);
  for (const [name, milliseconds] of Object.entries(candidatesMs)) console.log(`    ${name.padEnd(32)} ${milliseconds.toFixed(2).padStart(9)} ms`);
  return { rows: [], outcomes: {}, details: { device, candidatesMs } };
};
