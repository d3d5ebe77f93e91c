using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>The options for pictures that are larger than the memory.</summary>
internal sealed class TilingOptions
{
    public Option<bool> Tiling { get; } = new("--vae-tiling")
    {
        Description = "Encode and decode pictures in tiles that overlap. [default: where the whole would not fit into the memory]",
    };

    private Option<int?> Size { get; } = new("--vae-tile-size") { Description = "Pixels along one side of a tile. [default: what the model was trained at]", HelpName = "pixels" };

    private Option<double?> Overlap { get; } = new("--vae-tile-overlap") { Description = "Share of a tile that the next covers too. [default: 0.25]", HelpName = "x" };

    public IReadOnlyList<Setting> Table =>
    [new(Tiling, nameof(ImageRequest.Tiling), (request, given) => request with { Tiling = Tiles(given) }), new(Size), new(Overlap)];

    /// <summary>What is asked for, for commands that paint nothing. Naming a size or an overlap asks for tiles, too.</summary>
    public VaeTiling? Tiles(IGivenOptions given) =>
        given.GetValue(Tiling) || given.GetValue(Size) is not null || given.GetValue(Overlap) is not null
            ? new VaeTiling(given.GetValue(Size), given.GetValue(Overlap) ?? new VaeTiling().Overlap)
            : null;
}
