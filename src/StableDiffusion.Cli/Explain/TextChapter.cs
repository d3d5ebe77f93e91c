using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>The prompt cut into tokens, and what the text encoder makes of them.</summary>
internal static class TextChapter
{
    private const int MostTokens = 24;

    public static Chapter? Write(Explanation run)
    {
        if (run.Probe.Chunks is not { } chunks || !run.Probe.Told.Positive.Inputs.TryGetValue(Conditioning.Text, out var text))
        {
            return null;
        }

        var names = TokenNames.Of(run);
        var data = new JsonObject();
        var (length, width) = (chunks[0].Ids.Length, text.Shape[1]);
        var rows = chunks.SelectMany((chunk, c) => Used(chunk).Select(i => (Chunk: c, Place: i, Id: chunk.Ids[i], Weight: chunk.Multipliers[i]))).ToList();
        data["tokens"] = new JsonArray([.. rows.Select(row => (JsonNode)new JsonObject { ["chunk"] = row.Chunk, ["place"] = row.Place, ["id"] = row.Id, ["text"] = names.TextOf(row.Id), ["weight"] = row.Weight })]);
        var pieces = string.Concat(rows.Select(row => $"<span class=\"token{(names.EndsWord(row.Id) ? " end" : "")}\"><b>{Html.Text(names.TextOf(row.Id))}</b><small>{row.Id}</small></span>"));
        var table = Html.Table(
            "The tokens of the prompt",
            chunks.Count > 1 ? ["token", "id", "bytes", "weight", "chunk"] : ["token", "id", "bytes", "weight"],
            rows.Select(row => (IReadOnlyList<string>)[Html.Text(names.TextOf(row.Id)), row.Id.ToString(CultureInfo.InvariantCulture), $"<code>{names.BytesOf(row.Id)}</code>", Html.Number(row.Weight, "0.##"), .. chunks.Count > 1 ? [(row.Chunk + 1).ToString(CultureInfo.InvariantCulture)] : (string[])[]]));

        var vectors = rows.Select(row => text.Values.AsSpan(((row.Chunk * length) + row.Place) * width, width).ToArray()).ToList();
        var flat = vectors.SelectMany(vector => vector).ToArray();
        var reach = flat.Length == 0 ? 1 : flat.Select(Math.Abs).Order().ElementAt((int)(0.98 * (flat.Length - 1)));
        var (tall, narrow) = (Math.Max(1, 160 / Math.Max(rows.Count, 1)), Math.Max(1, 512 / width));
        var heat = Stretch(Drawing.Signed(flat, rows.Count, width, reach, 1), width * narrow, rows.Count * tall);
        var figure = Explanation.ExactFigure(
            heat, Math.Max(heat.Width, heat.Height), $"Embeddings of {rows.Count} tokens, {width} numbers each",
            $"The embeddings: one row a token, {width} numbers each; red above 0, blue below.", data, "embeddings", "full");

        var html = Html.Paragraph($"A network reads numbers, not letters. The prompt is cut into <i>tokens</i>, pieces of words from a fixed list, and each is looked up by its number. {Cut(run, chunks, length)}")
            + $"<p class=\"tokens\">{pieces}</p>\n" + table
            + Html.Paragraph("The text encoder then looks at all tokens together and turns each into a long row of numbers, an <i>embedding</i>, in which the meaning of its neighbours has left its trace.")
            + figure + Similarity(rows, names, vectors, data) + Changed(run, rows.Select(row => (row.Chunk, row.Place)).ToList(), names, rows.Select(row => row.Id).ToList(), vectors, length, width, data);
        return new Chapter("text", "Text", html, data);
    }

    /// <summary>The places that hold the prompt: from the start to the first end.</summary>
    private static IEnumerable<int> Used(PromptChunk chunk)
    {
        var end = chunk.Ids[^1];
        for (var i = 0; i < chunk.Ids.Length; i++)
        {
            yield return i;
            if (i > 0 && chunk.Ids[i] == end)
            {
                yield break;
            }
        }
    }

    private static string Cut(Explanation run, IReadOnlyList<PromptChunk> chunks, int length) => chunks.Count > 1
        ? $"This prompt is longer than the {length} places of the encoder, so it was read in {chunks.Count} chunks."
        : run.Request.LongPrompt == LongPrompt.Truncate
            ? $"The encoder has {length} places; what comes after them is dropped."
            : $"The encoder has {length} places; the ones that are left over hold the end token.";

    private static RgbImage Stretch(RgbImage picture, int width, int height)
    {
        var pixels = new byte[width * height * 3];
        var source = picture.Pixels.Span;
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                source.Slice(((y * picture.Height / height * picture.Width) + (x * picture.Width / width)) * 3, 3).CopyTo(pixels.AsSpan(((y * width) + x) * 3));
            }
        }

        return new RgbImage(width, height, pixels);
    }

    private static string Similarity(List<(int Chunk, int Place, int Id, float Weight)> rows, TokenNames names, List<float[]> vectors, JsonObject data)
    {
        var count = Math.Min(rows.Count, MostTokens);
        var cosines = Enumerable.Range(0, count).Select(i => Enumerable.Range(0, count).Select(j => TensorPrimitives.CosineSimilarity(vectors[i], vectors[j])).ToArray()).ToArray();
        data["cosine_similarity"] = new JsonArray([.. cosines.Select(row => (JsonNode)new JsonArray([.. row.Select(value => (JsonNode)Math.Round(value, 4))]))]);
        return Html.Paragraph("How alike are two embeddings? The cosine of the angle between them says it: 1 for the same direction, 0 for nothing in common.")
            + Html.Table(
                "Cosine similarity of the tokens",
                ["token", .. Enumerable.Range(0, count).Select(i => Html.Text(names.TextOf(rows[i].Id)))],
                Enumerable.Range(0, count).Select(i => (IReadOnlyList<string>)[Html.Text(names.TextOf(rows[i].Id)), .. cosines[i].Select(value => $"<span class=\"cell\" style=\"--v:{Html.Number(Math.Clamp(value, 0, 1), "0.00")}\">{Html.Number(value, "0.00")}</span>")]));
    }

    /// <summary>What weights and clip skip changed, told by the same prompt without them.</summary>
    private static string Changed(
        Explanation run, List<(int Chunk, int Place)> places, TokenNames names, List<int> ids, List<float[]> vectors, int length, int width, JsonObject data)
    {
        if (run.Request.ClipSkip == 1 || run.Probe.Chunks is null)
        {
            return "";
        }

        var plain = run.Pipeline.Probe(run.Request with { ClipSkip = 1 }, CancellationToken.None).Told.Positive.Inputs[Conditioning.Text].Values;
        var likeness = places.Select((place, i) => TensorPrimitives.CosineSimilarity(vectors[i], plain.AsSpan(((place.Chunk * length) + place.Place) * width, width))).ToList();
        data["clip_skip_similarity"] = new JsonArray([.. likeness.Select(value => (JsonNode)Math.Round(value, 4))]);
        return Html.Paragraph($"Clip skip {run.Request.ClipSkip} took the embeddings from an earlier layer. How alike each is to what the last layer says:")
            + Html.Table("Likeness to the last layer", ["token", "cosine"], likeness.Select((value, i) => (IReadOnlyList<string>)[Html.Text(names.TextOf(ids[i])), Html.Number(value, "0.000")]));
    }
}
