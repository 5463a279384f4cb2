/** Which encoder: `nano` is made by code, for tests; any other is a folder of `models/` beside the page. */
export interface EncoderSource {
  readonly name: string;
  /** Address of the folder, with a slash at the end; not read for nano. */
  readonly folder: string;
}

export const nanoName = 'nano';
export const defaultEncoderName = 'all-MiniLM-L6-v2';
