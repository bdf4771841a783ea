// Articles to try, made up for this page: places, people and figures in them do not exist.

const english = `Eastbrook library opens its doors again

Published: Updated:

By Nora Whitfield, culture desk

The town library of Eastbrook reopened on Monday after two years of repairs. The roof had let in rain since the storm of March 2024, and half of the reading room was closed. About 400 people queued in Mill Street before the doors opened at nine.

For the latest headlines, follow our Google News channel.

The council paid 2.1 million pounds of the bill, and readers gave the remaining 340,000. "We asked for the price of a book, and most people gave the price of a shelf," said the librarian Amara Osei. The largest gift came from a retired bus driver who wants to stay unnamed.

Nothing was thrown away. The old oak tables were sanded and stand by the windows again, and 1,200 damp volumes were dried in the freezing halls of the fish market. Only 37 of them could not be saved.

The library is open until eight in the evening from now on, two hours longer than before. A second branch in the harbour quarter will not be built, the council decided in June. Instead a bus with 3,000 books will drive through the villages from September.

Read more:

Ten gardens to visit this spring

Why the harbour clock is always late

Top Content Trending`;

const german = `Fähre nach Norderwiek fährt wieder

Veröffentlicht am 3. Mai, 8:15 Uhr

Nach elf Wochen Pause verkehrt die Fähre zwischen Hollersand und der Insel Norderwiek seit Donnerstag wieder nach Plan. Ein Schaden am Antrieb hatte das 38 Jahre alte Schiff im Februar lahmgelegt. Die 612 Bewohner der Insel wurden in der Zwischenzeit mit Fischkuttern versorgt.

Die Reparatur kostete nach Angaben der Reederei 1,4 Millionen Euro. „Ein neues Schiff hätten wir frühestens in drei Jahren bekommen“, sagte die Geschäftsführerin Wiebke Tammen. Der Kreis übernimmt die Hälfte der Kosten, den Rest zahlt die Reederei.

Für Gäste wird die Überfahrt teurer: Ein Rückfahrschein kostet künftig 24 statt 21 Euro. Für Insulaner bleibt der Preis gleich. Im Sommer legt die Fähre sechsmal am Tag ab, im Winter viermal.

Lesen Sie auch:

Die schönsten Radwege am Deich

Newsletter abonnieren`;

const spanish = `El tranvía vuelve a Valdehierro

Publicado: Actualizado:

El tranvía volverá a circular por Valdehierro a partir del 15 de octubre, sesenta años después de que se retirara el último coche. La línea tendrá 9 kilómetros y 14 paradas, y unirá la estación con el barrio de Las Eras. El viaje completo durará 26 minutos.

Las obras costaron 118 millones de euros, doce más de lo previsto. La alcaldesa, Inés Robledo, explicó que bajo la calle Mayor apareció una muralla que no figuraba en ningún plano. Los arqueólogos trabajaron allí durante siete meses y el trazado se desplazó cuatro metros.

El billete sencillo costará 1,30 euros, lo mismo que el del autobús. Los vecinos de la calle Mayor se quejan de que han perdido 80 plazas de aparcamiento. El ayuntamiento no las repondrá, pero abrirá un aparcamiento en la antigua fábrica de harinas.

Te puede interesar:

Cinco rutas para andar en otoño`;

const arabic = `إعادة افتتاح سوق الورّاقين في مدينة النهرين

نُشر في: 12 أبريل

أعادت مدينة النهرين يوم السبت افتتاح سوق الورّاقين القديم بعد ثلاث سنوات من أعمال الترميم. وكان حريق قد أتى على 46 دكانًا من دكاكين السوق في صيف عام 2023، ولم يُصَب أحد بأذى. وحضر الافتتاح أكثر من ألفي زائر.

بلغت كلفة الترميم 7.5 مليون دينار، دفعت البلدية ثلثيها وجمع التجار الباقي. وقالت المهندسة ليلى الحمداني إن السقف الخشبي بُني من جديد بالطريقة القديمة نفسها، من غير مسامير. وأضافت أن النجارين احتاجوا إلى 14 شهرًا لإتمامه.

عاد إلى السوق 39 تاجرًا من أصل 46، وفُتحت في الدكاكين الباقية مكتبة للأطفال. وستبقى السوق مفتوحة حتى العاشرة ليلًا في أشهر الصيف. ولن يُسمح للسيارات بالدخول إلى الأزقة المحيطة بها.

اقرأ أيضا:

أجمل الحدائق في المدينة

الأكثر قراءة`;

const japanese = `白川町の木造駅舎、百年ぶりに修復

公開日時:4月8日

白川町で大正時代に建てられた木造の駅舎が、二年間の修復工事を終えて月曜日に再び開いた。2023年の台風で屋根の三分の一が壊れ、待合室は閉鎖されていた。朝の始発列車には約300人が集まった。

工事費は1億8千万円で、町が半分を負担し、残りは全国からの寄付でまかなわれた。設計を担当した建築家の森田あかりさんは「使える柱はすべて残しました」と話した。新しくなった柱は42本のうち5本だけである。

駅舎には小さな図書室と喫茶店も入った。図書室には町民が持ち寄った1,200冊の本が並ぶ。町は来年、駅前の広場も整備するが、駐車場は増やさない方針だ。

関連記事:

春に訪れたい十の庭園

シェアする`;

const html = `<!doctype html>
<html lang="en">
<head><title>Night trains return to the coast – The Eastbrook Post</title></head>
<body>
  <nav><a href="/">Home</a> <a href="/news">News</a> <a href="/weather">Weather</a></nav>
  <article>
    <h1>Night trains return to the coast</h1>
    <p class="byline">By Tomas Lind</p>
    <p>Night trains will run from Eastbrook to the coast again from 1 May, after a pause of nine years. The first one leaves at 22:40 and arrives in Saltmere at 6:15.</p>
    <p>The railway has bought 28 sleeping cars and repaired 12 old ones. A bed costs 39 pounds, a seat 19. "Half of the beds in May are sold already," said Petra Novak, who plans the timetable.</p>
    <aside><p>Subscribe to our newsletter and never miss a story.</p></aside>
    <p>There will be no dining car. Passengers get a breakfast box instead, and the kiosk in Saltmere opens an hour earlier than it used to.</p>
  </article>
  <footer><p>© The Eastbrook Post. All rights reserved.</p><p>Share on social media</p></footer>
</body>
</html>`;

export const examples = [
  { id: "en", lang: "en", name: "English", text: english },
  { id: "de", lang: "de", name: "Deutsch", text: german },
  { id: "es", lang: "es", name: "español", text: spanish },
  { id: "ar", lang: "ar", name: "العربية", text: arabic },
  { id: "ja", lang: "ja", name: "日本語", text: japanese },
  { id: "html", nameKey: "example_html", text: html, html: true },
];
