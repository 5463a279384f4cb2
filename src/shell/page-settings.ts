import type { BackendChoice } from './device.ts';
import { defaultEncoderName, type EncoderSource } from './encoder-source.ts';

const backendKey = 'bedside.backend';

function isChoice(value: string | null): value is BackendChoice {
  return value === 'automatic' || value === 'wasm' || value === 'webgpu';
}

/** The backend of `?backend=`, else the one chosen in the settings, else by rule. */
export function backendChoice(): BackendChoice {
  const asked = new URLSearchParams(location.search).get('backend');
  if (isChoice(asked)) return asked;
  try {
    const kept = localStorage.getItem(backendKey);
    return isChoice(kept) ? kept : 'automatic';
  } catch {
    return 'automatic';
  }
}

export function keepBackendChoice(choice: BackendChoice): void {
  try {
    localStorage.setItem(backendKey, choice);
  } catch {
    // A browser may refuse storage; the choice then holds until the page is closed.
  }
}

const leavesRoomKey = 'bedside.leaves-room';

/** Whether training leaves room for other work, as chosen in the settings. */
export function leavesRoom(): boolean {
  try {
    return localStorage.getItem(leavesRoomKey) === 'yes';
  } catch {
    return false;
  }
}

export function keepLeavesRoom(isLeaving: boolean): void {
  try {
    if (isLeaving) localStorage.setItem(leavesRoomKey, 'yes');
    else localStorage.removeItem(leavesRoomKey);
  } catch {
    // As with the backend.
  }
}

/** The encoder of `?model=`, for tests and for deployments with several; a folder of `models/` beside the page. */
export function encoderSource(): EncoderSource {
  const asked = new URLSearchParams(location.search).get('model');
  // A folder's name and nothing else: no path, no other origin.
  const name = asked !== null && /^[\w.-]+$/.test(asked) && !asked.startsWith('.') ? asked : defaultEncoderName;
  return { name, folder: new URL(`models/${name}/`, document.baseURI).href };
}
