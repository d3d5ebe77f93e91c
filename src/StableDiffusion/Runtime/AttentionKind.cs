namespace StableDiffusion;

/// <summary>How the networks' attention is computed.</summary>
internal enum AttentionKind
{
    /// <summary>By ONNX Runtime's fused operator wherever a network's attention has the form for it: less memory and less time, equal but for the last bits.</summary>
    Fused,

    /// <summary>As the export spells it out.</summary>
    Plain,
}
