namespace StableDiffusion;

/// <summary>How finely the networks' weights are kept.</summary>
public enum WeightPrecision
{
    /// <summary>As the export has them.</summary>
    Exported,

    /// <summary>
    /// Linear layers with 8 bits a weight and one float32 scale for each 32 of them, computed with 8-bit inputs (ONNX Runtime's <c>MatMulNBits</c>);
    /// all else as exported. Less memory, and another picture: a near one.
    /// </summary>
    EightBit,
}
