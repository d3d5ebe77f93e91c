using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace StableDiffusion.Cli;

/// <summary>Text in the network: where each word looks, and what the network is built of.</summary>
internal static partial class AttentionChapter
{
    private const int MostWords = 8;

    private static readonly string[] _phases = ["first third", "middle third", "last third"];

    public static Chapter? Write(Explanation run, Action<string> warn)
    {
        if (run.Probe.Chunks is not { Count: > 0 } chunks)
        {
            return null;
        }

        using var attention = run.Probe.OpenAttention();
        if (attention is null)
        {
            if (run.Pipeline.Folder.Family.NetworkPart == "unet")
            {
                warn($"where words are looked at is left out: the attention of {run.Pipeline.Folder.Name} is fused in its file; the plain export shows it.");
            }

            return null;
        }

        var words = Words(chunks[0], TokenNames.Of(run));
        var latents = run.Picture.Latents;
        var tokens = words.Count == 0 ? 1 : words.SelectMany(word => word.Tokens).Max() + 1;
        var whole = new HeatMaps(latents.Height, latents.Width, tokens);
        var phases = _phases.Select(name => (Name: name, Maps: new HeatMaps(latents.Height, latents.Width, tokens))).ToList();
        var levels = new SortedDictionary<int, HeatMaps>();
        for (var i = 0; i < run.Steps.Count; i++)
        {
            var layers = attention.Look(run.AsNetworkSees(run.Steps[i]), run.Steps[i].Timestep);
            whole.Add(layers);
            phases[i * 3 / run.Steps.Count].Maps.Add(layers);
            foreach (var level in layers.GroupBy(layer => layer.Height))
            {
                (levels.TryGetValue(level.Key, out var maps) ? maps : levels[level.Key] = new HeatMaps(latents.Height, latents.Width, tokens)).Add([.. level]);
            }
        }

        var data = new JsonObject();
        var allTokens = words.SelectMany(word => word.Tokens).ToList();
        string Map(HeatMaps maps, (string Text, IReadOnlyList<int> Tokens) word, string caption, JsonObject into, string key)
        {
            var map = maps.OfWord(word.Tokens, allTokens);
            into[key + "_mean"] = Math.Round(map.Average(), 5);
            return Explanation.Figure(
                Drawing.Overlay(Drawing.Thumbnail(run.Picture.Image, 192), map, latents.Height, latents.Width), 144, $"Where “{word.Text}” is looked at: {caption}", caption, into, key);
        }

        var figures = words.Take(MostWords).Select((word, i) => Map(whole, word, $"“{Html.Text(word.Text)}”", data, $"word{i + 1}")).ToList();
        var html = Html.Paragraph("How do words get into the picture? In several layers every place of the latents looks at every word and takes more from the ones that matter to it: <i>cross attention</i>. These maps are its weights, summed over all layers, heads and steps (the method of DAAM), bright where a word is looked at.")
            + Html.Row(figures);
        if (words.Count > 0)
        {
            var word = words.MaxBy(word => word.Text.Length);
            var byPhase = new JsonObject();
            html += Html.Paragraph($"The same for “{Html.Text(word.Text)}” by time (over the steps) and by resolution (layers of few rows see the picture as a whole):")
                + Html.Row(phases.Select((phase, i) => Map(phase.Maps, word, phase.Name, byPhase, $"phase{i + 1}")).Concat(
                    levels.Select(level => Map(level.Value, word, $"layers of {level.Key} rows", byPhase, $"level{level.Key}"))));
            data["by_phase_and_level"] = byPhase;
        }

        return new Chapter("attention", "Text in the network", html + Outline(run, data), data);
    }

    /// <summary>The words of the first chunk, each with its tokens' places.</summary>
    private static List<(string Text, IReadOnlyList<int> Tokens)> Words(PromptChunk chunk, TokenNames names)
    {
        var (words, text, tokens) = (new List<(string, IReadOnlyList<int>)>(), "", new List<int>());
        for (var i = 1; i < chunk.Ids.Length && chunk.Ids[i] != chunk.Ids[^1]; i++)
        {
            text += names.TextOf(chunk.Ids[i]);
            tokens.Add(i);
            if (names.EndsWord(chunk.Ids[i]))
            {
                if (text.Any(char.IsLetterOrDigit))
                {
                    words.Add((text, tokens));
                }

                (text, tokens) = ("", []);
            }
        }

        return words;
    }

    /// <summary>The blocks of the real network, from the names in its graph.</summary>
    private static string Outline(Explanation run, JsonObject data)
    {
        var graph = run.Pipeline.Folder.Graphs.Of(run.Pipeline.Folder.NetworkOf("unet"));
        var index = new OnnxIndex(graph);
        var blocks = new Dictionary<string, (long Parameters, HashSet<string> Attentions, HashSet<string> Convolutions)>();
        var counted = new HashSet<string>();
        foreach (var node in graph.Nodes)
        {
            var match = Block().Match(node.Name);
            if (!match.Success)
            {
                continue;
            }

            var name = match.Groups[1].Value;
            var block = blocks.GetValueOrDefault(name, (0, [], []));
            block.Item1 += node.Inputs.Select(index.Constant).OfType<OnnxInitializer>().Where(weight => counted.Add(weight.Name))
                .Sum(weight => weight.Dimensions.Aggregate(1L, (product, size) => product * size));
            if (match.Groups[2].Value is { Length: > 0 } part)
            {
                (part.StartsWith("attention", StringComparison.Ordinal) ? block.Item2 : block.Item3).Add(part);
            }

            blocks[name] = block;
        }

        if (blocks.Count < 3)
        {
            return "";
        }

        data["blocks"] = new JsonObject(blocks.Select(block => KeyValuePair.Create(block.Key, (JsonNode?)block.Value.Parameters)));
        var order = blocks.Keys.OrderBy(name => name.StartsWith("down", StringComparison.Ordinal) ? 0 : name.StartsWith("mid", StringComparison.Ordinal) ? 1 : 2).ThenBy(name => name, StringComparer.Ordinal);
        return Html.Paragraph("The network itself, from its own graph: on the way down each block halves the grid and sees more at once; on the way up it is brought back, with the <i>skip connections</i> of the same height beside it so that no detail is lost.")
            + Html.Table(
                "Blocks of this network",
                ["block", "parameters", "residual parts", "attention parts"],
                order.Select(name => (IReadOnlyList<string>)[Html.Text(name), Html.Count(blocks[name].Parameters), Html.Count(blocks[name].Convolutions.Count(part => part.StartsWith("resnet", StringComparison.Ordinal))), Html.Count(blocks[name].Attentions.Count)]));
    }

    [GeneratedRegex(@"^/((?:down_blocks|up_blocks)\.\d+|mid_block|down_blocks_\d+|up_blocks_\d+)(?:/((?:attentions|resnets)\.\d+))?")]
    private static partial Regex Block();
}
