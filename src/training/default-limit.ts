/** Limit of a data set until somebody sets another. */
export const defaultEpsilonLimit = 4;
