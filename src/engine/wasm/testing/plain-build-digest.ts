/**
 * `digest` of the plain build's `fixedResults`, the same in Node 20 and Chromium. A change of kernels that reorders
 * arithmetic changes it: then check the agreement with the reference, and put the new value here.
 */
export const plainBuildDigest = '384d0f54';
