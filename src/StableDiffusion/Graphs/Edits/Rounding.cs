namespace StableDiffusion;

/// <summary>What rounds the values around a convolution: QuantizeLinear and DequantizeLinear in front of it and behind it, as <see cref="EightBitConvolutionsEdit"/> writes them.</summary>
internal static class Rounding
{
    /// <summary>The QuantizeLinear of a convolution's input that nobody else reads; null for none.</summary>
    public static OnnxNode? Before(OnnxNode convolution, OnnxIndex index) =>
        Maker(convolution.Inputs[0], "DequantizeLinear", index) is { } restored ? Maker(restored.Inputs[0], "QuantizeLinear", index) : null;

    /// <summary>The DequantizeLinear of a convolution's output, where nobody else reads that; null for none.</summary>
    public static OnnxNode? Behind(OnnxNode convolution, OnnxIndex index) =>
        Reader(convolution.Outputs[0], "QuantizeLinear", index) is { } rounded ? Reader(rounded.Outputs[0], "DequantizeLinear", index) : null;

    private static OnnxNode? Maker(string tensor, string opType, OnnxIndex index) =>
        index.Producer(tensor) is { } maker && maker.OpType == opType && index.Readers(tensor).Count == 1 ? maker : null;

    private static OnnxNode? Reader(string tensor, string opType, OnnxIndex index) =>
        index.Readers(tensor) is [var reader] && reader.OpType == opType ? reader : null;
}
