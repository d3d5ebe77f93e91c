using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>Diffusion transformers: the picture as a row of patches, and text beside it.</summary>
internal static class TransformerChapter
{
    public static Chapter? Write(Explanation run)
    {
        var folder = run.Pipeline.Folder;
        if (folder.Family.NetworkPart != "transformer")
        {
            return null;
        }

        var config = JsonFile.ReadIfExists(folder.Combine("transformer", "config.json"));
        var patch = config.Integer("patch_size") ?? 2;

        // Flux packs 2 × 2 latents before its network sees them, so its own patches are single ones.
        var size = folder.PipelineClass?.Contains("Flux", StringComparison.Ordinal) == true ? 2 * patch : patch;
        var latents = run.Picture.Latents;
        var (rows, columns) = (latents.Height / size, latents.Width / size);
        var text = run.Probe.Told.Positive.Inputs.TryGetValue(Conditioning.Text, out var states) ? states.Shape[0] : 0;
        var layers = config.Integer("num_layers") ?? 0;
        var data = new JsonObject { ["patch"] = size, ["patches"] = rows * columns, ["text_tokens"] = text, ["layers"] = layers };
        var html = Html.Paragraph($"This network is no U of blocks with skip connections but a <i>transformer</i>: the latents are cut into patches of {size} × {size}, {rows} × {columns} = {Html.Count((long)rows * columns)} in all, and each becomes a token, just as words do.")
            + Patches(run.Picture.Image, rows, columns, data)
            + Html.Paragraph(text > 0
                ? $"The {text} tokens of the text stand in the same row. In each of {layers} layers every token, patch or word, may look at every other one (<i>joint attention</i>): patches at words, words at patches, patches at each other."
                : $"In each of {layers} layers every patch may look at every other one; what is to be painted is told to all of them by a shift and a scale.");
        return new Chapter("transformer", "Transformers", html, data);
    }

    private static string Patches(RgbImage picture, int rows, int columns, JsonObject data)
    {
        var pixels = picture.Pixels.ToArray();
        for (var y = 0; y < picture.Height; y++)
        {
            for (var x = 0; x < picture.Width; x++)
            {
                if (y * rows / picture.Height != (y + 1) * rows / picture.Height || x * columns / picture.Width != (x + 1) * columns / picture.Width)
                {
                    pixels.AsSpan(((y * picture.Width) + x) * 3, 3).Fill(255);
                }
            }
        }

        return Explanation.Figure(new RgbImage(picture.Width, picture.Height, pixels), 384, "The picture with the borders of its patches", "each square is one token", data, "patches");
    }
}
