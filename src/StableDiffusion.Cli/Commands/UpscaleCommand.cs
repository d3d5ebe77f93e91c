using System.CommandLine;
using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary><c>upscale</c>: a picture enlarged by a network.</summary>
internal static class UpscaleCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The picture." };
        var output = new Option<string>("--output", "-o") { Description = "The picture to write.", HelpName = "file.png", Required = true };
        var upscaler = new Option<string>("--upscaler") { Description = "What enlarges: a network such as ESRGAN, or lanczos.", HelpName = "file.onnx|lanczos", Required = true };
        var scale = new Option<double?>("--scale") { Description = "How much larger the result is. [default: what the network does]", HelpName = "x" };
        var tile = new Option<int>("--tile") { Description = "Pixels along one side of a tile.", HelpName = "pixels", DefaultValueFactory = _ => PictureUpscaler.DefaultTile };
        var margin = new Option<int>("--tile-margin") { Description = "Pixels around a tile that are cut off again.", HelpName = "pixels", DefaultValueFactory = _ => PictureUpscaler.DefaultMargin };
        var device = new Option<string>("--device") { Description = "auto, cpu or cuda[:n].", HelpName = "device", DefaultValueFactory = _ => "auto" };
        var command = new Command("upscale", "Enlarges a picture. Example:\n  sd upscale apple.png --upscaler lanczos --scale 2 --output large.png") { file, output, upscaler, scale, tile, margin, device };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(tile) < 16 || parsed.GetValue(margin) is < 0 or > 512)
            {
                throw new RequestException($"{tile.Name} must be at least 16, and {margin.Name} from 0 to 512.");
            }

            if (!ExecutionDevice.TryParse(parsed.GetValue(device)!, out var where))
            {
                throw new RequestException($"{device.Name} {OneLine.Quote(parsed.GetValue(device)!)} is not known; give auto, cpu, cuda or cuda:1.");
            }

            var (path, name, factor) = (parsed.GetValue(output)!, HiresOptions.NameOf(parsed.GetValue(upscaler)!), parsed.GetValue(scale));
            var kind = PictureFile.KindOf(path);
            var picture = PictureReader.Read(parsed.GetValue(file)!);
            var texts = PictureText.Read(parsed.GetValue(file)!);
            AtomicFile.RequireWritable(path);
            var result = Enlarge(picture, name, factor, () => PictureUpscaler.Open(name, new PipelineOptions { Device = where }, parsed.GetValue(tile), parsed.GetValue(margin)));
            var done = string.Join(", ", PictureFields.OfEnlargement(factor ?? (double)result.Width / picture.Width, name).Select(InfotextField.Format));
            AtomicFile.Write(path, stream =>
            {
                if (kind == PictureKind.Png)
                {
                    PngWriter.Write(stream, result, [.. texts.Where(entry => entry.Key != PictureFields.Postprocessing), new(PictureFields.Postprocessing, Joined(TextOf(PictureFields.Postprocessing), done))]);
                }
                else
                {
                    PictureWriter.Write(stream, result, kind, TextOf(GenerationParameters.Keyword) is { } infotext && GenerationParameters.TryParse(infotext, out _) ? Joined(infotext, done) : TextOf(GenerationParameters.Keyword));
                }
            });

            string? TextOf(string keyword) => texts.FirstOrDefault(entry => entry.Key == keyword).Value;
            Console.Out.WriteLine(path);
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>What was done before, and what was done now: JPEG and WebP have one place for both, and a picture may be enlarged again.</summary>
    private static string Joined(string? before, string done) => string.IsNullOrEmpty(before) ? done : $"{before}, {done}";

    private static RgbImage Enlarge(RgbImage image, string upscaler, double? scale, Func<PictureUpscaler> open)
    {
        if (scale is { } factor && factor is not (> 0 and <= 16))
        {
            throw new RequestException(string.Create(CultureInfo.InvariantCulture, $"--scale {factor} must be above 0, and at most 16."));
        }

        if (upscaler == "lanczos" && scale is null)
        {
            throw new RequestException("lanczos enlarges by any factor; say by which with --scale, such as 2.");
        }

        if (upscaler != "lanczos" && !File.Exists(upscaler))
        {
            throw new RequestException($"--upscaler: there is no file {OneLine.Quote(upscaler)}; give a network, or lanczos.");
        }

        var result = image;
        if (upscaler != "lanczos")
        {
            using var network = open();
            result = network.Upscale(image);
        }

        return scale is { } wanted
            ? ImageResizer.Resize(result, (int)Math.Max(Math.Round(image.Width * wanted), 1), (int)Math.Max(Math.Round(image.Height * wanted), 1))
            : result;
    }
}
