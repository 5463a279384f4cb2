import type { ModelReport } from './bedside.service.ts';
import { nanoName, type EncoderSource } from './encoder-source.ts';
import { loadManifest } from './model-files.ts';

/** Size, hash and licence, without loading the weights or what reads them. */
export async function encoderReport(source: EncoderSource): Promise<ModelReport> {
  if (source.name === nanoName) return (await import('./nano-encoder.ts')).nanoReport();
  const { name, license, layers, width, parameters, files } = await loadManifest(source.folder);
  const weights = files['model.safetensors'];
  return { name, sizeBytes: Object.values(files).reduce((sum, file) => sum + file.sizeBytes, 0), sha256: weights?.sha256 ?? '', license, layers, width, parameters };
}
