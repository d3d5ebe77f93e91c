using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>What the commands on the autoencoder alone have in common: model, device and the picture's size.</summary>
internal sealed class AutoencoderOptions
{
    private readonly Option<int?> _width = new("--width", "-W") { Description = "Width in pixels. [default: the picture's, on the model's grid]", HelpName = "pixels" };
    private readonly Option<int?> _height = new("--height", "-H") { Description = "Height in pixels. [default: the picture's, on the model's grid]", HelpName = "pixels" };
    private readonly Option<string> _seed = new("--seed", "-s")
    {
        Description = "Seed of what is drawn, as PyTorch draws it on a CPU; -1 draws one.",
        HelpName = "seed",
        DefaultValueFactory = _ => "0",
    };

    private readonly TilingOptions _tiles = new();

    public ProgramOptions Program { get; } = new();

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command, bool forPictures)
    {
        command.Add(Program.Model);
        if (forPictures)
        {
            command.Add(_width);
            command.Add(_height);
            command.Add(_seed);
        }

        foreach (var option in _tiles.Table.Select(row => row.Option).Concat(Program.Working))
        {
            command.Add(option);
        }
    }

    /// <summary>The request whose parts are used: no prompt, the picture's size.</summary>
    public ImageRequest Request(ParseResult parsed, RgbImage? picture) => new()
    {
        Prompt = "",
        GuidanceScale = 1,
        Seeds = [Cli.Seeds.One(parsed.GetValue(_seed) ?? "0", nameof(ImageRequest.Seeds))],
        Width = parsed.GetValue(_width),
        Height = parsed.GetValue(_height),
        InitImage = picture,
        Tiling = _tiles.Tiles(new GivenByCommandLine(parsed)),
    };
}
