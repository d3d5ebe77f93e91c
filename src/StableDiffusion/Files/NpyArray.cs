namespace StableDiffusion;

/// <summary>An array as a .npy file holds it.</summary>
/// <param name="Shape">The length of each dimension, outermost first; empty for a single number.</param>
/// <param name="Values">The elements in row-major order.</param>
internal sealed record NpyArray(IReadOnlyList<int> Shape, float[] Values);
