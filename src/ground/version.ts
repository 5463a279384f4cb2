/** Version of the code, stated in what it exports; the same as package.json's, which a test holds. */
export const codeVersion = '0.1.0';
