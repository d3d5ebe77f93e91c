namespace StableDiffusion;

/// <summary>Rows of a UNet that takes further values in at its skip connections and after its middle block; they are 0 until they are written.</summary>
internal interface IResidualBatch : IDenoisingBatch
{
    /// <summary>Places where values are taken in, in the order of <see cref="ResidualShapes"/>; 0 for a UNet that has none.</summary>
    int Residuals { get; }

    /// <summary>Channels of what is added at a place.</summary>
    int ResidualChannels(int place);

    /// <summary>What is added at a place for a row.</summary>
    Span<float> Residual(int place, int row);
}
